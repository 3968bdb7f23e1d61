// Random programs from a small grammar: arithmetic, jumps, loops, stack, maps, atomics and calls of functions, most of them
// nearly right, so that both verdicts come up. The same seed gives the same program.

import type { Insn } from "../../src/bpf/isa/index.ts";
import { BtfBuilder } from "../../src/bpf/btf/index.ts";
import type { MapSpec, ResolvedProgram } from "../../src/bpf/object/index.ts";

/** Numbers from a seed (xorshift32). */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = (Math.imul(seed, 0x9e37_79b1) ^ 0x5bd1_e995) | 1;
    for (let i = 0; i < 4; i++) this.below(2);
  }

  below(n: number): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x;
    return (x >>> 0) % n;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)];
  }

  chance(percent: number): boolean {
    return this.below(100) < percent;
  }
}

const SIZES = [
  [0x10, 1],
  [0x08, 2],
  [0x00, 4],
  [0x18, 8],
] as const;
const IMMEDIATES = [
  0, 1, 2, 3, 7, 8, 15, 16, 31, 32, 47, 63, 64, 255, 256, 4095, 65535, -1, -2, -8, 0x7fff_ffff, -0x8000_0000,
];
const ALU_OPS = [0x00, 0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70, 0x90, 0xa0, 0xb0, 0xc0];
const JUMP_OPS = [0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70, 0xa0, 0xb0, 0xc0, 0xd0];
const ATOMICS = [0x00, 0x40, 0x50, 0xa0, 0x01, 0x41, 0xe1, 0xf1];
const VALUE_SIZE = 48;
const MAP_ARRAY = 2;
const MAP_HASH = 1;
const RAW_TRACEPOINT = 17;

const insn = (code: number, dst_reg: number, src_reg: number, off: number, imm: number): Insn => ({
  code,
  dst_reg,
  src_reg,
  off,
  imm,
});

class Writer {
  readonly random: Random;
  /** Without maps, calls and may_goto. */
  readonly plain: boolean;
  readonly insns: Insn[] = [];
  /** Calls to be bound to a function's start. */
  readonly calls: number[] = [];

  constructor(random: Random, plain: boolean) {
    this.random = random;
    this.plain = plain;
  }

  put(...insns: Insn[]): void {
    this.insns.push(...insns);
  }

  /** A scalar register, as a rule one that is set. */
  reg(): number {
    return this.random.chance(95) ? this.random.pick([0, 6, 7, 8, 9]) : this.random.below(10);
  }

  imm(): number {
    return this.random.chance(80) ? this.random.pick(IMMEDIATES) : this.random.below(1 << 30) - (1 << 29);
  }

  alu(): void {
    const { random } = this;
    const wide = random.chance(60) ? 0x07 : 0x04;
    const bits = wide === 0x07 ? 64 : 32;
    const op = random.pick(ALU_OPS);
    const dst = this.reg();
    const isShift = op === 0x60 || op === 0x70 || op === 0xc0;
    if (random.chance(4)) return this.put(insn(0x80 | wide, dst, 0, 0, 0));
    if (random.chance(4)) return this.put(insn(random.pick([0xd4, 0xdc, 0xd7]), dst, 0, 0, random.pick([16, 32, 64])));
    if (random.chance(5)) return this.put(insn(0xb8 | wide, dst, this.reg(), random.pick([8, 16]), 0));
    const off = (op === 0x30 || op === 0x90) && random.chance(30) ? 1 : 0;
    if (random.chance(50)) {
      const imm = isShift ? random.below(bits) : this.imm();
      return this.put(insn(op | wide, dst, 0, off, imm));
    }
    return this.put(insn(op | 0x08 | wide, dst, this.reg(), off, 0));
  }

  /** A jump over what `body` writes. */
  branch(depth: number): void {
    const { random } = this;
    const at = this.insns.length;
    const wide = random.chance(60) ? 0x05 : 0x06;
    const op = random.pick(JUMP_OPS);
    if (random.chance(60)) this.put(insn(op | wide, this.reg(), 0, 0, this.imm()));
    else this.put(insn(op | 0x08 | wide, this.reg(), this.reg(), 0, 0));
    this.block(1 + random.below(3), depth + 1);
    this.retarget(at, this.insns.length);
  }

  retarget(at: number, to: number): void {
    this.insns[at] = { ...this.insns[at], off: to - at - 1 };
  }

  /** A counted loop, or one over a value that is masked. */
  loop(depth: number): void {
    const { random } = this;
    const counter = random.pick([8, 9]);
    this.put(insn(0xb7, counter, 0, 0, 0));
    const start = this.insns.length;
    this.block(1 + random.below(2), depth + 1);
    this.put(insn(0x07, counter, 0, 0, 1));
    this.put(insn(random.chance(70) ? 0xa5 : 0x55, counter, 0, start - this.insns.length - 1, 1 + random.below(6)));
  }

  mayGoto(depth: number): void {
    const start = this.insns.length;
    this.put(insn(0xe5, 0, 0, 0, 0));
    this.block(1, depth + 1);
    this.put(insn(0x05, 0, 0, start - this.insns.length - 1, 0));
    this.retarget(start, this.insns.length);
  }

  stack(): void {
    const { random } = this;
    const [size, bytes] = random.chance(50) ? SIZES[3] : random.pick(SIZES);
    const slot = -8 * (1 + random.below(4));
    const off = slot + (random.chance(90) ? bytes * random.below(8 / bytes) : random.below(8));
    if (random.chance(40)) return this.put(insn(0x61 | size, this.reg(), 10, off, 0));
    if (random.chance(25)) return this.put(insn(0x62 | size, 10, 0, off, this.imm()));
    return this.put(insn(0x63 | size, 10, random.chance(90) ? this.reg() : 10, off, 0));
  }

  /** A copy of the frame pointer, moved by a constant or by a masked register, then used. */
  stackPointer(): void {
    const { random } = this;
    const pointer = random.pick([2, 3]);
    this.put(insn(0xbf, pointer, 10, 0, 0), insn(0x07, pointer, 0, 0, -32));
    if (random.chance(50)) {
      const index = this.reg();
      this.put(insn(0x57, index, 0, 0, random.pick([7, 8, 15, 16, 24, 31])), insn(0x0f, pointer, index, 0, 0));
    }
    const [size] = random.pick(SIZES);
    if (random.chance(50)) this.put(insn(0x61 | size, this.reg(), pointer, 0, 0));
    else this.put(insn(0x63 | size, pointer, this.reg(), 0, 0));
  }

  lookup(depth: number): void {
    const { random } = this;
    this.put(insn(0x62, 10, 0, -8, random.pick([0, 1, 3, 4, 9])));
    if (random.chance(30)) this.put(insn(0x63, 10, this.reg(), -8, 0));
    this.put(insn(0xbf, 2, 10, 0, 0), insn(0x07, 2, 0, 0, -8));
    this.put(insn(0x18, 1, 5, 0, random.below(2)), insn(0, 0, 0, 0, 0));
    this.put(insn(0x85, 0, 0, 0, 1));
    const check = this.insns.length;
    const checked = random.chance(92);
    if (checked) this.put(insn(0x15, 0, 0, 0, 0));
    if (random.chance(60)) {
      const index = random.pick([6, 7]);
      this.bound(index);
      this.put(insn(0x0f, 0, index, 0, 0));
    }
    this.access(0);
    if (random.chance(30)) this.block(1, depth + 1);
    if (checked) this.retarget(check, this.insns.length);
    this.put(insn(0xb7, 0, 0, 0, random.below(4)));
  }

  /** Keeps a register small in one of several ways, some of them not enough. */
  bound(index: number): void {
    const { random } = this;
    switch (random.below(4)) {
      case 0:
        return this.put(insn(random.pick([0x57, 0x54]), index, 0, 0, random.pick([7, 15, 31, 32, 40, 63])));
      case 1:
        this.put(
          insn(random.pick([0xb5, 0xb6]), index, 0, 1, random.pick([8, 16, 40, 47])),
          insn(0xb7, index, 0, 0, 0),
        );
        return undefined;
      case 2:
        this.put(insn(random.pick([0xc5, 0xc6]), index, 0, 1, 0), insn(random.pick([0xd5, 0xd6]), index, 0, 1, 40));
        return this.put(insn(0xb7, index, 0, 0, 4));
      default:
        return this.put(insn(random.pick([0x97, 0x94]), index, 0, 0, random.pick([8, 40, 44, 48])));
    }
  }

  access(pointer: number): void {
    const { random } = this;
    const [size, bytes] = random.pick(SIZES);
    const off = random.pick([0, 0, 0, 8, 1, VALUE_SIZE - bytes, -1, VALUE_SIZE - 4]);
    if (random.chance(45)) this.put(insn(0x61 | size, this.reg(), pointer, off, 0));
    else if (random.chance(70)) this.put(insn(0x63 | size, pointer, this.reg(), off, 0));
    else this.put(insn(0xc3 | random.pick([0x00, 0x18]), pointer, this.reg(), 8, random.pick(ATOMICS)));
  }

  call(): void {
    this.put(insn(0xbf, 1, this.reg(), 0, 0));
    if (this.random.chance(40)) this.put(insn(0xbf, 2, 10, 0, 0), insn(0x07, 2, 0, 0, -16));
    else this.put(insn(0xbf, 2, this.reg(), 0, 0));
    this.calls.push(this.insns.length);
    this.put(insn(0x85, 0, 1, 0, 0));
  }

  unknown(): void {
    this.put(insn(0x85, 0, 0, 0, this.random.pick([5, 7, 8])));
  }

  block(count: number, depth: number): void {
    for (let i = 0; i < count; i++) this.statement(depth);
  }

  statement(depth: number): void {
    const roll = this.random.below(this.plain ? 85 : 100);
    if (roll < 38) this.alu();
    else if (roll < 58 && depth < 4) this.branch(depth);
    else if (roll < 63 && depth < 2) this.loop(depth);
    else if (roll < 65 && depth < 2 && !this.plain) this.mayGoto(depth);
    else if (roll < 65) this.alu();
    else if (roll < 80) this.stack();
    else if (roll < 85) this.stackPointer();
    else if (roll < 94) this.lookup(depth);
    else if (roll < 97) this.unknown();
    else this.call();
  }
}

const MAPS: readonly MapSpec[] = [
  [MAP_ARRAY, "array"],
  [MAP_HASH, "hash"],
].map(([type, name]) => ({
  name: name as string,
  kind: "map",
  type: type as number,
  key_size: 4,
  value_size: VALUE_SIZE,
  max_entries: 4,
  map_flags: 0,
  btf_key_type_id: 0,
  btf_value_type_id: 0,
  frozen: false,
}));

const EMPTY_BTF = new BtfBuilder().build();

/** Wraps instructions into a raw tracepoint program with an array and a hash map. */
export function programOf(insns: readonly Insn[], starts: readonly number[]): ResolvedProgram {
  return {
    name: "fuzz",
    section: "raw_tp",
    type: RAW_TRACEPOINT,
    sleepable: false,
    license: "GPL",
    insns,
    subprogs: starts.map((start, i) => ({ name: "", start, global: i === 0, type_id: 0 })),
    lines: [],
    maps: MAPS,
    btf: EMPTY_BTF,
    target: EMPTY_BTF,
  };
}

/** Program number `seed`. `plain`: arithmetic, jumps, loops and stack alone. */
export function generate(seed: number, plain = false): ResolvedProgram {
  const random = new Random(seed);
  const main = new Writer(random, plain);
  // two unknown values, two constants, and sometimes less to start with
  main.put(insn(0x79, 6, 1, 0, 0), insn(0x79, 7, 1, 8, 0));
  main.put(insn(0xb7, 8, 0, 0, main.imm()), insn(0xb7, 9, 0, 0, main.imm()), insn(0xb7, 0, 0, 0, 0));
  main.block(4 + random.below(10), 0);
  if (random.chance(80)) main.put(insn(0xb7, 0, 0, 0, 0));
  main.put(insn(0x95, 0, 0, 0, 0));
  const insns = [...main.insns];
  const starts = [0];
  if (main.calls.length > 0) {
    const start = insns.length;
    starts.push(start);
    const sub = new Writer(random, plain);
    sub.put(insn(0xbf, 6, 1, 0, 0), insn(0xbf, 7, random.chance(50) ? 1 : 2, 0, 0));
    sub.put(insn(0xb7, 8, 0, 0, sub.imm()), insn(0xb7, 9, 0, 0, 3), insn(0xb7, 0, 0, 0, 1));
    sub.block(2 + random.below(4), 1);
    if (random.chance(70)) sub.put(insn(0xbf, 0, sub.reg(), 0, 0));
    sub.put(insn(0x95, 0, 0, 0, 0));
    insns.push(...sub.insns);
    // calls inside the function would be recursion: they become moves
    for (const at of sub.calls) insns[start + at] = insn(0xb7, 0, 0, 0, 2);
    for (const at of main.calls) insns[at] = insn(0x85, 0, 1, 0, start - at - 1);
  }
  return programOf(insns, starts);
}
