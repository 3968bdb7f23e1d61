// Runs a plain program (arithmetic, jumps, stack) with random inputs and shows the registers before each instruction, to be
// held against what the verifier claims there.

import { rowOf, type Insn } from "../../src/bpf/isa/index.ts";
import { referenceAlu, referenceJump } from "../bpf-reference.ts";
import type { Random } from "./generate.ts";

/** Where the frame pointer and the context point to. */
export const FRAME = 0x7fff_0000_1000n;
const CTX = 0x7fff_0000_2000n;

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

/** Calls `before` for each instruction executed, until exit or `most` instructions. */
export function execute(
  insns: readonly Insn[],
  random: Random,
  before: (insn: number, regs: readonly bigint[]) => void,
  most = 2000,
): void {
  const regs: bigint[] = Array.from({ length: 11 }, () => unknown(random));
  regs[1] = CTX;
  regs[10] = FRAME;
  const memory = new Map<bigint, number>();
  const byteAt = (at: bigint): bigint => {
    let value = memory.get(at);
    if (value === undefined) memory.set(at, (value = random.below(256)));
    return BigInt(value);
  };
  for (let pc = 0, steps = 0; steps < most; steps++) {
    before(pc, regs);
    const insn = insns[pc];
    const row = rowOf(insn)!;
    const { dst_reg: dst, src_reg: src, off, imm } = insn;
    const bytes = BigInt(row.width / 8);
    const operand = row.source === "X" ? regs[src] : BigInt.asUintN(64, BigInt(imm));
    pc++;
    switch (row.class) {
      case "alu":
      case "alu64":
        regs[dst] = referenceAlu(row, regs[dst], operand);
        break;
      case "jmp":
      case "jmp32":
        if (row.op === "exit") return;
        if (row.op === "ja" || referenceJump(row, regs[dst], operand)) pc += off;
        break;
      case "ldx": {
        const at = regs[src] + BigInt(off);
        if (regs[src] === CTX) {
          regs[dst] = unknown(random);
          break;
        }
        let value = 0n;
        for (let i = 0n; i < bytes; i++) value |= byteAt(at + i) << (8n * i);
        regs[dst] = value;
        break;
      }
      default: {
        const at = regs[dst] + BigInt(off);
        const value = row.class === "st" ? BigInt.asUintN(64, BigInt(imm)) : regs[src];
        for (let i = 0n; i < bytes; i++) memory.set(at + i, Number((value >> (8n * i)) & 0xffn));
      }
    }
  }
}
