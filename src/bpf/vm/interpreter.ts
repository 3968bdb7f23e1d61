// The interpreter: the slow half of the machine whose inner loop is execute.ts. Frames, calls to helpers, kfuncs and back
// into the program, checks of addresses, atomics, faults.

import type { Prng } from "../../base/index.ts";
import { disasmInsn, helperName, MAX_BPF_STACK } from "../isa/index.ts";
import { CODE_TAG, FRAME_LIMIT } from "./control-block.ts";
import { execute, type Machine } from "./execute.ts";
import { VmFault } from "./fault.ts";
import { BPF_MAX_LOOPS, HELPERS } from "./helpers.ts";
import { createServices, type HostFunction, type HostServices, type ParamKind, type VmHost } from "./host.ts";
import { fromBigInt, toBigInt, toNumber } from "./int64.ts";
import { KFUNCS } from "./kfuncs.ts";
import type { VmMemory } from "./memory.ts";
import { ATOMIC_OPS, CONSTANTS, dstOf, MICRO_OPS, opOf, predecode, srcOf, type MicroProgram } from "./predecode.ts";
import type { Callee, Executable, FaultFacts, VmEnv, VmImage } from "./types.ts";

/** Instructions between two looks at the abort flag. */
const CHUNK = 1 << 16;
const R10 = 20;
/** Registers a callee must keep, r6..r9, in words. */
const SAVED_FROM = 12;
const SAVED = 8;
const STORES: ReadonlySet<number> = new Set(
  MICRO_OPS.flatMap((name, index) => (name.startsWith("stx") ? [index] : [])),
);
const LOAD_ACQUIRE = ATOMIC_OPS.indexOf("load_acquire");

/** A callee of the host as a function of the VM. */
function adapt(callee: Callee): HostFunction {
  const { name, params, call } = callee;
  const result = callee.result === "i32" && callee.signed !== true ? "u32" : callee.result;
  return { name, params, result, call: (_host, ...args) => call(...args) };
}

/** Runs an image by interpretation. Every access is checked against the segments of the memory. */
export class Interpreter implements Executable {
  readonly #machine: InterpreterMachine;

  /** `memory` must be (a view of) the image's own. */
  constructor(image: VmImage, memory: VmMemory, env: VmEnv = {}) {
    this.#machine = new InterpreterMachine(image, memory, env);
  }

  /** Runs the program with r1 = `ctx` and r2 = `arg2`; the low word of r0, signed. Throws VmFault. */
  run(ctx: number, arg2 = 0): number {
    return this.#machine.run(ctx, arg2);
  }

  /** r0 of the last run, unsigned. */
  get r0(): bigint {
    return toBigInt(this.#machine.regs, 0);
  }

  /** All of r0..r10 as they are now: after a run, or where the program was stopped. */
  registers(): bigint[] {
    return Array.from({ length: 11 }, (_, index) => toBigInt(this.#machine.regs, index * 2));
  }
}

class InterpreterMachine implements Machine, VmHost {
  readonly image: VmImage;
  readonly memory: VmMemory;
  readonly program: MicroProgram;
  readonly regs: Int32Array;
  readonly firsts: Int32Array;
  readonly lasts: Int32Array;
  readonly returns: Int32Array = new Int32Array(FRAME_LIMIT);
  readonly loops: Int32Array = new Int32Array(FRAME_LIMIT);
  left = 0;
  pc = 0;
  readonly ktimeNs: () => bigint;
  readonly bootNs: () => bigint;
  readonly prng: Prng;
  readonly printk: (text: string) => void;
  readonly task: HostServices["task"];
  readonly mapAt: HostServices["mapAt"];

  readonly #helpers: ReadonlyMap<number, HostFunction>;
  readonly #kfuncs: ReadonlyMap<number, HostFunction>;
  readonly #saved = new Int32Array(FRAME_LIMIT * SAVED);
  readonly #maxInsns: number;
  #depth = 0;
  #chunk = 0;
  #budget = 0;
  #generation = -1;

  constructor(image: VmImage, memory: VmMemory, env: VmEnv) {
    this.image = image;
    this.memory = memory;
    this.program = predecode(image);
    this.regs = new Int32Array(CONSTANTS + this.program.constants.length);
    this.regs.set(this.program.constants, CONSTANTS);
    this.firsts = new Int32Array(image.insns.length);
    this.lasts = new Int32Array(image.insns.length);
    this.#maxInsns = env.maxInsns ?? Number.POSITIVE_INFINITY;
    const services = createServices(image, memory, env);
    this.ktimeNs = services.ktimeNs;
    this.bootNs = services.bootNs;
    this.prng = services.prng;
    this.printk = services.printk;
    this.task = services.task;
    this.mapAt = services.mapAt;
    const own = Object.entries(env.helpers ?? {}).map(([id, callee]) => [Number(id), adapt(callee)] as const);
    this.#helpers = new Map([...HELPERS, ...own]);
    this.#kfuncs = new Map(
      Object.entries(image.kfuncs).flatMap(([id, name]) => {
        const given = env.kfuncs?.[name];
        const func = given === undefined ? KFUNCS.get(name) : adapt(given);
        return func === undefined ? [] : [[Number(id), func] as const];
      }),
    );
  }

  run(ctx: number, arg2: number): number {
    const { regs } = this;
    regs.fill(0, 0, CONSTANTS);
    regs[2] = ctx;
    regs[4] = arg2;
    regs[R10] = this.image.stack.end;
    this.#depth = 0;
    this.loops[0] = BPF_MAX_LOOPS;
    this.#budget = this.#maxInsns;
    this.#chunk = this.left = Math.min(CHUNK, this.#budget);
    this.#forgetStale();
    if (this.memory.aborted) this.#fault({ kind: "aborted", insn: 0 });
    execute(this, 0, 0);
    return regs[0];
  }

  #fault(facts: FaultFacts): never {
    throw new VmFault(facts, this.image);
  }

  /** Forgets the remembered segments when the table has changed. */
  #forgetStale(): void {
    const { generation } = this.memory;
    if (generation === this.#generation) return;
    this.#generation = generation;
    this.firsts.fill(0x7fff_ffff);
    this.lasts.fill(0);
  }

  enter(pc: number, depth: number): number {
    const next = depth + 1;
    if (next >= FRAME_LIMIT) {
      this.#fault({ kind: "call-depth", insn: pc, detail: `the call stack of ${next + 1} frames is too deep` });
    }
    const { regs } = this;
    const saved = this.#saved;
    for (let i = 0; i < SAVED; i++) saved[depth * SAVED + i] = regs[SAVED_FROM + i];
    regs[R10] = this.image.stack.end - next * MAX_BPF_STACK;
    this.loops[next] = BPF_MAX_LOOPS;
    this.#depth = next;
    return next;
  }

  leave(): number {
    const depth = this.#depth - 1;
    const { regs } = this;
    const saved = this.#saved;
    for (let i = 0; i < SAVED; i++) regs[SAVED_FROM + i] = saved[depth * SAVED + i];
    regs[R10] = this.image.stack.end - depth * MAX_BPF_STACK;
    this.#depth = depth;
    return depth;
  }

  poll(pc: number, left: number): number {
    this.#budget -= this.#chunk - left;
    if (this.#budget <= 0) {
      this.#fault({ kind: "steps", insn: pc, detail: `the budget of ${this.#maxInsns} instructions is used up` });
    }
    if (this.memory.aborted) this.#fault({ kind: "aborted", insn: pc });
    this.#forgetStale();
    this.#chunk = Math.min(CHUNK, this.#budget);
    return this.#chunk;
  }

  illegal(pc: number): never {
    this.#fault({ kind: "code", insn: pc });
  }

  callHelper(id: number, pc: number): void {
    const helper = this.#helpers.get(id);
    if (helper === undefined) {
      const name = helperName(id);
      const detail =
        name === undefined || id === 0 ? `there is no helper #${id}` : `helper ${name}#${id} is not supported here`;
      this.#fault({ kind: "helper", insn: pc, detail });
    }
    this.#call(helper);
  }

  callKfunc(id: number, pc: number): void {
    const kfunc = this.#kfuncs.get(id);
    if (kfunc === undefined) {
      const name = this.image.kfuncs[id];
      this.#fault({
        kind: "helper",
        insn: pc,
        detail: `kfunc ${name === undefined || name === "" ? `#${id}` : name} is not available here`,
      });
    }
    this.#call(kfunc);
  }

  #argument(kind: ParamKind, at: number): number | bigint {
    const { regs } = this;
    switch (kind) {
      case "i32":
        return regs[at];
      case "num":
        return toNumber(regs, at);
      case "i64":
        return toBigInt(regs, at);
      case "ptr":
        if (regs[at + 1] !== 0) this.#badAddress(toBigInt(regs, at));
        return regs[at] >>> 0;
      case "func":
        if (regs[at + 1] !== CODE_TAG || !this.image.starts.includes(regs[at]))
          this.fail(`r${at / 2} is not a function of the program`);
        return regs[at];
    }
  }

  #call(func: HostFunction): void {
    const { params } = func;
    const call = func.call as (host: VmHost, ...args: (number | bigint)[]) => number | bigint | void;
    let result: number | bigint | void;
    // Spelled out by arity, because spreading an array costs more than most helpers.
    switch (params.length) {
      case 0:
        result = call(this);
        break;
      case 1:
        result = call(this, this.#argument(params[0], 2));
        break;
      case 2:
        result = call(this, this.#argument(params[0], 2), this.#argument(params[1], 4));
        break;
      case 3:
        result = call(this, this.#argument(params[0], 2), this.#argument(params[1], 4), this.#argument(params[2], 6));
        break;
      default:
        result = call(this, ...params.map((kind, index) => this.#argument(kind, 2 + index * 2)));
    }
    const { regs } = this;
    if (func.result === "i64") fromBigInt(regs, 0, BigInt(result ?? 0));
    else {
      regs[0] = func.result === "void" ? 0 : Number(result);
      regs[1] = func.result === "i32" ? regs[0] >> 31 : 0;
    }
    this.#forgetStale();
  }

  #badAddress(address: bigint): never {
    this.#fault({ kind: "memory", insn: this.pc, address, detail: this.memory.describe(address, 1, false) });
  }

  #memoryFault(insn: number, unwrapped: bigint, size: number, write: boolean): never {
    const address = BigInt.asUintN(64, unwrapped);
    const { start } = this.image.stack;
    const low = this.image.stack.end - (this.#depth + 1) * MAX_BPF_STACK;
    const below = address >= BigInt(start) && address < BigInt(low);
    const detail = below
      ? `${low - Number(address)} bytes below the stack of this frame`
      : this.memory.describe(address, size, write);
    this.#fault({ kind: "memory", insn, address, size, write, detail });
  }

  /** 1: inside the frames in use of the stack, -1: elsewhere on the stack, 0: not on the stack. */
  #onStack(address: number, size: number): number {
    const { start, end } = this.image.stack;
    if (address < start || address >= end) return 0;
    return address >= end - (this.#depth + 1) * MAX_BPF_STACK && address + size <= end ? 1 : -1;
  }

  readable(address: number, size: number): boolean {
    const stack = this.#onStack(address, size);
    return stack === 0 ? this.memory.find(address, size, false) >= 0 : stack > 0;
  }

  check(address: number, size: number, write: boolean): void {
    const stack = this.#onStack(address, size);
    const fine = stack === 0 ? this.memory.find(address, size, write) >= 0 : stack > 0;
    if (!fine) this.#memoryFault(this.pc, BigInt(address), size, write);
  }

  fail(detail: string): never {
    this.#fault({ kind: "helper", insn: this.pc, detail: `${disasmInsn(this.image.insns, this.pc)}: ${detail}` });
  }

  callback(slot: number, ctx: bigint, ctxAt: number): (a1: number, a2?: number, a3?: number) => number {
    const { regs, pc } = this;
    const depth = this.#depth;
    const low = Number(BigInt.asIntN(32, ctx));
    const high = Number(BigInt.asIntN(32, ctx >> 32n));
    return (a1, a2 = 0, a3 = 0) => {
      regs[2] = a1;
      regs[4] = a2;
      regs[6] = a3;
      regs[3] = regs[5] = regs[7] = 0;
      regs[ctxAt * 2] = low;
      regs[ctxAt * 2 + 1] = high;
      execute(this, slot, this.enter(pc, depth));
      this.leave();
      this.pc = pc;
      return regs[0];
    };
  }

  /** Address of the access at `pc`; faults unless it lies in a segment. Remembers the segment, except on the stack. */
  #place(pc: number, register: number, size: number, write: boolean): number {
    const { regs } = this;
    const address = (regs[register] + this.program.off[pc]) | 0;
    if (regs[register + 1] === 0 && address >= 0) {
      const stack = this.#onStack(address, size);
      if (stack > 0) return address;
      const row = stack < 0 ? -1 : this.memory.find(address, size, write);
      if (row >= 0) {
        this.firsts[pc] = this.memory.start(row);
        this.lasts[pc] = this.memory.end(row) - size;
        return address;
      }
    }
    return this.#memoryFault(pc, toBigInt(regs, register) + BigInt(this.program.off[pc]), size, write);
  }

  locate(pc: number): DataView {
    const write = STORES.has(opOf(this.program.code[pc]));
    const register = write ? dstOf(this.program.code[pc]) : srcOf(this.program.code[pc]);
    this.#place(pc, register, this.program.size[pc], write);
    return this.memory.view;
  }

  atomic(pc: number): void {
    const { program, regs } = this;
    const kind = program.extra[pc];
    const size = program.size[pc];
    const load = kind === LOAD_ACQUIRE;
    const register = load ? srcOf(program.code[pc]) : dstOf(program.code[pc]);
    let address = (regs[register] + program.off[pc]) | 0;
    const known = regs[register + 1] === 0 && address >= this.firsts[pc] && address <= this.lasts[pc];
    if (!known) address = this.#place(pc, register, size, !load);
    if (address % size !== 0) {
      this.#fault({
        kind: "memory",
        insn: pc,
        address: BigInt(address),
        size,
        write: !load,
        detail: "an atomic operation needs natural alignment",
      });
    }
    if (size === 8) this.#atomic64(pc, kind, address >> 3);
    else if (size === 4) this.#atomic32(pc, kind, this.memory.words, address >> 2);
    else {
      const { buffer } = this.memory.memory;
      const array = size === 2 ? new Uint16Array(buffer) : new Uint8Array(buffer);
      if (load) {
        regs[dstOf(program.code[pc])] = Atomics.load(array, address / size);
        regs[dstOf(program.code[pc]) + 1] = 0;
      } else Atomics.store(array, address / size, regs[srcOf(program.code[pc])]);
    }
  }

  #atomic32(pc: number, kind: number, words: Int32Array, at: number): void {
    const { regs } = this;
    const s = srcOf(this.program.code[pc]);
    const operand = regs[s];
    let old: number;
    let to = s;
    switch (ATOMIC_OPS[kind]) {
      case "atomic_add":
        return void Atomics.add(words, at, operand);
      case "atomic_and":
        return void Atomics.and(words, at, operand);
      case "atomic_or":
        return void Atomics.or(words, at, operand);
      case "atomic_xor":
        return void Atomics.xor(words, at, operand);
      case "store_release":
        return void Atomics.store(words, at, operand);
      case "fetch_add":
        old = Atomics.add(words, at, operand);
        break;
      case "fetch_and":
        old = Atomics.and(words, at, operand);
        break;
      case "fetch_or":
        old = Atomics.or(words, at, operand);
        break;
      case "fetch_xor":
        old = Atomics.xor(words, at, operand);
        break;
      case "xchg":
        old = Atomics.exchange(words, at, operand);
        break;
      case "cmpxchg":
        old = Atomics.compareExchange(words, at, regs[0], operand);
        to = 0;
        break;
      default:
        old = Atomics.load(words, at);
        to = dstOf(this.program.code[pc]);
    }
    regs[to] = old;
    regs[to + 1] = 0;
  }

  #atomic64(pc: number, kind: number, at: number): void {
    const { regs } = this;
    const words = this.memory.words64;
    const s = srcOf(this.program.code[pc]);
    const operand = BigInt.asIntN(64, toBigInt(regs, s));
    let old: bigint;
    let to = s;
    switch (ATOMIC_OPS[kind]) {
      case "atomic_add":
        return void Atomics.add(words, at, operand);
      case "atomic_and":
        return void Atomics.and(words, at, operand);
      case "atomic_or":
        return void Atomics.or(words, at, operand);
      case "atomic_xor":
        return void Atomics.xor(words, at, operand);
      case "store_release":
        return void Atomics.store(words, at, operand);
      case "fetch_add":
        old = Atomics.add(words, at, operand);
        break;
      case "fetch_and":
        old = Atomics.and(words, at, operand);
        break;
      case "fetch_or":
        old = Atomics.or(words, at, operand);
        break;
      case "fetch_xor":
        old = Atomics.xor(words, at, operand);
        break;
      case "xchg":
        old = Atomics.exchange(words, at, operand);
        break;
      case "cmpxchg":
        old = Atomics.compareExchange(words, at, BigInt.asIntN(64, toBigInt(regs, 0)), operand);
        to = 0;
        break;
      default:
        old = Atomics.load(words, at);
        to = dstOf(this.program.code[pc]);
    }
    fromBigInt(regs, to, old);
  }
}
