// Runs a program of arithmetic, jumps, stack and functions with random inputs and shows the registers before each
// instruction, to be held against what the verifier claims there. Independent of the project's own interpreter.

import { BPF_PSEUDO_CALL, imm64, rowOf, type Insn, type OpRow } from "../../src/bpf/isa/index.ts";
import { referenceAlu, referenceAtomic, referenceJump } from "../bpf-reference.ts";
import type { Random } from "./random.ts";

/** Where the main function's frame pointer points to; each call's is 1 KiB lower. */
const FRAME = 0x7fff_0000_1000n;
const FRAME_SIZE = 0x400n;
const CTX = 0x7fff_0000_2000n;
const PRANDOM = 7;
const CPU = 8;
/** What `limits.cpus` promises of the processor's number. */
const CPUS = 2;

const INTERESTING = [
  0n,
  1n,
  7n,
  31n,
  63n,
  255n,
  0x7fff_ffffn,
  0x8000_0000n,
  0xffff_ffffn,
  1n << 32n,
  (1n << 63n) - 1n,
  1n << 63n,
];

function unknown(random: Random): bigint {
  const near = random.pick(INTERESTING) + BigInt(random.below(3) - 1);
  const wild = (BigInt(random.below(2 ** 32)) << 32n) | BigInt(random.below(2 ** 32));
  return BigInt.asUintN(64, random.chance(60) ? near : wild);
}

/** Address of frame `depth`'s frame pointer. */
export function frameAddress(depth: number): bigint {
  return FRAME - FRAME_SIZE * BigInt(depth);
}

/** Called before each instruction: where, the registers, and how many calls deep. */
export type Watcher = (insn: number, regs: readonly bigint[], depth: number) => void;

interface Caller {
  readonly pc: number;
  readonly saved: readonly bigint[];
}

class Machine {
  readonly insns: readonly Insn[];
  readonly random: Random;
  regs: bigint[];
  pc = 0;
  readonly callers: Caller[] = [];
  readonly #memory = new Map<bigint, number>();

  constructor(insns: readonly Insn[], random: Random) {
    this.insns = insns;
    this.random = random;
    this.regs = Array.from({ length: 11 }, () => unknown(random));
    this.regs[1] = CTX;
    this.regs[10] = FRAME;
  }

  /** Memory never written holds anything. */
  read(at: bigint, bytes: number): bigint {
    let value = 0n;
    for (let i = 0; i < bytes; i++) {
      const address = at + BigInt(i);
      let byte = this.#memory.get(address);
      if (byte === undefined) this.#memory.set(address, (byte = this.random.below(256)));
      value |= BigInt(byte) << BigInt(8 * i);
    }
    return value;
  }

  write(at: bigint, bytes: number, value: bigint): void {
    for (let i = 0; i < bytes; i++) this.#memory.set(at + BigInt(i), Number((value >> BigInt(8 * i)) & 0xffn));
  }

  call(insn: Insn): void {
    const { regs, random } = this;
    if (insn.src_reg === BPF_PSEUDO_CALL) {
      this.callers.push({ pc: this.pc, saved: regs.slice(6, 10) });
      this.pc += insn.imm;
      regs[10] = frameAddress(this.callers.length);
      return;
    }
    regs[0] = unknown(random);
    if (insn.imm === PRANDOM) regs[0] = BigInt.asUintN(32, regs[0]);
    if (insn.imm === CPU) regs[0] = BigInt(random.below(CPUS));
    // clobbered: nobody may read them
    for (let r = 1; r <= 5; r++) regs[r] = unknown(random);
  }

  /** False when the program ends. */
  exit(): boolean {
    const caller = this.callers.pop();
    if (caller === undefined) return false;
    this.pc = caller.pc;
    caller.saved.forEach((value, i) => {
      this.regs[6 + i] = value;
    });
    this.regs[10] = frameAddress(this.callers.length);
    return true;
  }

  jump(row: OpRow, insn: Insn, operand: bigint): boolean {
    if (row.op === "call") this.call(insn);
    else if (row.op === "exit") return this.exit();
    else if (row.op === "ja") this.pc += row.class === "jmp32" ? insn.imm : insn.off;
    else if (row.op === "may_goto") this.pc += this.random.chance(25) ? insn.off : 0;
    else if (referenceJump(row, this.regs[insn.dst_reg], operand)) this.pc += insn.off;
    return true;
  }

  load(row: OpRow, insn: Insn): void {
    const { regs } = this;
    const bytes = row.width / 8;
    if (regs[insn.src_reg] === CTX) {
      regs[insn.dst_reg] = unknown(this.random);
      return;
    }
    const value = this.read(regs[insn.src_reg] + BigInt(insn.off), bytes);
    regs[insn.dst_reg] = row.op === "ldsx" ? BigInt.asUintN(64, BigInt.asIntN(row.width, value)) : value;
  }

  atomic(row: OpRow, insn: Insn): void {
    const base = row.op === "load_acquire" ? insn.src_reg : insn.dst_reg;
    const at = this.regs[base] + BigInt(insn.off);
    const bytes = row.width / 8;
    const after = referenceAtomic(row, this.read(at, bytes), this.regs, insn.dst_reg, insn.src_reg);
    this.write(at, bytes, after.memory);
    this.regs = after.regs;
  }

  /** One instruction; false at the program's end. */
  step(): boolean {
    const { regs } = this;
    const insn = this.insns[this.pc];
    const row = rowOf(insn)!;
    const fromReg = row.class === "stx" || row.source === "X";
    const operand = fromReg ? regs[insn.src_reg] : BigInt.asUintN(64, BigInt(insn.imm));
    this.pc++;
    switch (row.class) {
      case "alu":
      case "alu64":
        regs[insn.dst_reg] = referenceAlu(row, regs[insn.dst_reg], operand);
        return true;
      case "jmp":
      case "jmp32":
        return this.jump(row, insn, operand);
      case "ld":
        regs[insn.dst_reg] = BigInt.asUintN(64, imm64(insn, this.insns[this.pc]));
        this.pc++;
        return true;
      case "ldx":
        this.load(row, insn);
        return true;
      default:
        if (row.when?.[0] === "imm" && row.class === "stx") this.atomic(row, insn);
        else this.write(regs[insn.dst_reg] + BigInt(insn.off), row.width / 8, operand);
        return true;
    }
  }
}

/** Calls `before` for each instruction executed, until exit or `most` instructions. */
export function execute(insns: readonly Insn[], random: Random, before: Watcher, most = 1000): void {
  const machine = new Machine(insns, random);
  for (let steps = 0; steps < most; steps++) {
    before(machine.pc, machine.regs, machine.callers.length);
    if (!machine.step()) return;
  }
}
