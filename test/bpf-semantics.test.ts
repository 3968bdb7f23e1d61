// Every ALU operation, jump and atomic of the instruction table against the BigInt reference, on every engine: all pairs of
// edge values and random ones, and for atomics all pairs of registers. Programs store what they compute, so that one run
// covers many operands.

import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { asm, BPF_REG_10, OP_TABLE, type Insn, type OpRow } from "../src/bpf/isa/index.ts";
import { buildImage, VmMemory, type VmImage } from "../src/bpf/vm/index.ts";
import { ENGINES } from "./bpf-engines.ts";
import { referenceAlu, referenceAtomic, referenceJump } from "./bpf-reference.ts";

const EDGES: readonly bigint[] = [
  0n,
  1n,
  2n,
  7n,
  31n,
  32n,
  33n,
  63n,
  64n,
  0x7fn,
  0x80n,
  0xffn,
  0x7fffn,
  0x8000n,
  0xffffn,
  0x7fff_ffffn,
  0x8000_0000n,
  0x8000_0001n,
  0xffff_fffen,
  0xffff_ffffn,
  0x1_0000_0000n,
  0x1_0000_0001n,
  0x001f_ffff_ffff_ffffn,
  0x0020_0000_0000_0000n,
  0x0123_4567_89ab_cdefn,
  0x7fff_ffff_ffff_ffffn,
  0x8000_0000_0000_0000n,
  0x8000_0000_0000_0001n,
  0xffff_ffff_0000_0000n,
  0xffff_ffff_7fff_ffffn,
  0xffff_ffff_8000_0000n,
  0xffff_ffff_ffff_fffen,
  0xffff_ffff_ffff_ffffn,
];
const value: fc.Arbitrary<bigint> = fc.oneof(
  fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
  fc.constantFrom(...EDGES),
  fc.bigInt({ min: 0n, max: 1n << 54n }),
);

const isAlu = (row: OpRow): boolean => (row.class === "alu" || row.class === "alu64") && row.refused === undefined;
const isJump = (row: OpRow): boolean => row.format === "jump_k" || row.format === "jump_x";
const isAtomic = (row: OpRow): boolean => row.class === "stx" && row.op !== "stx";

function insnOf(row: OpRow, fields: Partial<Insn>): Insn {
  return {
    code: row.code,
    dst_reg: 0,
    src_reg: 0,
    off: 0,
    imm: 0,
    ...fields,
    ...(row.when && { [row.when[0]]: row.when[1] }),
  };
}

function titleOf(row: OpRow): string {
  return `${row.op}${row.width}${row.from === undefined ? "" : ` from ${row.from}`} ${row.source ?? ""}`.trim();
}

const edgePairs = EDGES.flatMap((a) => EDGES.map((b) => [a, b] as const));

type Load = (typeof ENGINES)[number][1];
type Pair = readonly [bigint, bigint];

/** A program that does each of `bodies` to each of the pairs (r3, r4); every body leaves its result in r3. */
function overPairs(load: Load, bodies: readonly (readonly Insn[])[]): (pairs: readonly Pair[]) => bigint[][] {
  const stride = 16 + bodies.length * 8;
  const memory = VmMemory.create();
  const address = memory.allocate("the pairs", edgePairs.length * stride);
  const each = bodies.flatMap((body, n) => [
    ...asm("r3 = *(u64 *)(r1 +0)\nr4 = *(u64 *)(r1 +8)"),
    ...body,
    ...asm(`*(u64 *)(r1 +${16 + n * 8}) = r3`),
  ]);
  const tail = asm(`r1 += ${stride}\nr2 -= 1\nif r2 != 0 goto -${each.length + 3}\nr0 = 0\nexit`);
  const executable = load(imageOf("pairs", [...each, ...tail], memory), memory);
  return (pairs) => {
    for (const [i, [a, b]] of pairs.entries()) {
      memory.view.setBigUint64(address + i * stride, a, true);
      memory.view.setBigUint64(address + i * stride + 8, b, true);
    }
    executable.run(address, pairs.length);
    return pairs.map((_, i) => bodies.map((_, n) => memory.view.getBigUint64(address + i * stride + 16 + n * 8, true)));
  };
}

/** What to put around an instruction so that r3 shows its result: itself for ALU, 1 for a jump taken and 0 for one not. */
function bodyOf(row: OpRow, fields: Partial<Insn>): Insn[] {
  return isJump(row)
    ? [...asm("r5 = 1"), insnOf(row, { ...fields, off: 1 }), ...asm("r5 = 0\nr3 = r5")]
    : [insnOf(row, fields)];
}

function expected(row: OpRow, a: bigint, b: bigint): bigint {
  return isJump(row) ? BigInt(referenceJump(row, a, b)) : referenceAlu(row, a, b);
}

function imageOf(name: string, insns: readonly Insn[], memory: VmMemory): VmImage {
  return buildImage({ name, insns, subprogs: [], lines: [], maps: [] }, memory);
}

describe.each(ENGINES)("%s", (_engine, load) => {
  const computing = OP_TABLE.filter((row) => isAlu(row) || isJump(row));
  const titled = (rows: readonly OpRow[]): [string, OpRow][] => rows.map((row) => [titleOf(row), row]);

  test.each(titled(computing.filter((row) => row.source !== "K")))("%s, register operands", (_title, row) => {
    const src_reg = row.source === "X" ? 4 : 0;
    const run = overPairs(load, [bodyOf(row, { dst_reg: 3, src_reg })]);
    const check = (pairs: readonly Pair[]): void => {
      // Compared by hand: deep equality of a thousand rows costs more than running them.
      const got = run(pairs);
      const wrong = pairs.findIndex(([a, b], i) => got[i][0] !== expected(row, a, b));
      if (wrong >= 0) expect([pairs[wrong], got[wrong]]).toEqual([pairs[wrong], [expected(row, ...pairs[wrong])]]);
    };
    check(edgePairs);
    fc.assert(fc.property(fc.array(fc.tuple(value, value), { minLength: 1, maxLength: 64 }), check), { numRuns: 8 });
  });

  test.each(titled(computing.filter((row) => row.source === "X")))("%s with itself", (_title, row) => {
    const run = overPairs(load, [bodyOf(row, { dst_reg: 3, src_reg: 3 })]);
    expect(run(edgePairs)).toEqual(edgePairs.map(([a]) => [expected(row, a, a)]));
  });

  test.each(titled(computing.filter((row) => row.source === "K")))("%s, immediate operands", (_title, row) => {
    const imms = [0, 1, 2, 7, 31, 32, 33, 63, 64, 255, 0x7fff_ffff, -1, -2, -7, -0x8000_0000, 0x1234_5678];
    const run = overPairs(
      load,
      imms.map((imm) => bodyOf(row, { dst_reg: 3, imm })),
    );
    const pairs = EDGES.map((a) => [a, 0n] as const);
    expect(run(pairs)).toEqual(
      pairs.map(([a]) => imms.map((imm) => expected(row, a, BigInt.asUintN(64, BigInt(imm))))),
    );
  });

  test.each(titled(OP_TABLE.filter(isAtomic)))("%s, all pairs of registers", (_title, row) => {
    const memory = VmMemory.create();
    const cell = memory.allocate("the value", 64) + 16;
    const out = memory.allocate("the results", 2 * 121 * 96);
    const trials = trialsOf(row, cell);
    const insns = trials.flatMap((trial, n) => trialInsns(row, trial, cell, out + n * 96));
    load(imageOf("atomics", [...insns, ...asm("r0 = 0\nexit")], memory), memory).run(0);
    for (const [n, { dst, src, regs }] of trials.entries()) {
      const want = referenceAtomic(row, BigInt.asUintN(row.width, BEFORE), regs, dst, src);
      const above = (BEFORE >> BigInt(row.width)) << BigInt(row.width);
      const got = Array.from({ length: 11 }, (_, i) => memory.view.getBigUint64(out + n * 96 + i * 8, true));
      const wanted = [...want.regs.slice(0, 10), above | want.memory];
      if (got.some((word, i) => word !== wanted[i])) expect([dst, src, ...got]).toEqual([dst, src, ...wanted]);
    }
  });
});

/** What is in memory before each atomic. */
const BEFORE = 0xfedc_ba98_7654_3210n;

/** One atomic on one pair of registers: the values of r0..r9 before it, and the offset to the memory it works on. */
interface Trial {
  readonly dst: number;
  readonly src: number;
  readonly regs: readonly bigint[];
  readonly off: number;
}

/** Every pair of registers, with an r0 that equals the memory and one that does not. */
function trialsOf(row: OpRow, cell: number): Trial[] {
  const trials: Trial[] = [];
  const loads = row.op === "load_acquire";
  for (let dst = 0; dst <= BPF_REG_10; dst++) {
    for (let src = 0; src <= BPF_REG_10; src++) {
      const [base, other] = loads ? [src, dst] : [dst, src];
      // r10 may hold the address, but has no value the reference could know.
      if (other === BPF_REG_10) continue;
      for (const equal of [true, false]) {
        const regs = Array.from({ length: 10 }, (_, i) => 0x1111_1111_1111_1111n * BigInt(i + 1));
        if (equal) regs[0] = BEFORE;
        regs[other] = equal ? 0x8899_aabb_ccdd_eeffn : 0x0000_0001_8000_0001n;
        if (base !== BPF_REG_10) regs[base] = BigInt(cell - 8);
        trials.push({ dst, src, regs, off: base === BPF_REG_10 ? -16 : 8 });
      }
    }
  }
  return trials;
}

const assembled = new Map<string, Insn[]>();

/** asm() of lines most of which come again and again. */
function lines(texts: readonly string[]): Insn[] {
  return texts.flatMap((text) => {
    const known = assembled.get(text) ?? asm(text);
    assembled.set(text, known);
    return known;
  });
}

/** Sets memory and registers, does the atomic, and stores r0..r9 and the memory at `out`. */
function trialInsns(row: OpRow, { dst, src, regs, off }: Trial, cell: number, out: number): Insn[] {
  const onStack = off < 0;
  const wide = (register: number, constant: bigint | number): string => `r${register} = ${constant} ll`;
  const place = onStack ? "(r10 -16)" : "(r1 +0)";
  // The registers go to the stack first: any of them may be needed to hold the address of the results.
  const spilled = regs.map((_, i) => `*(u64 *)(r10 ${-32 - i * 8}) = r${i}`);
  const copied = regs.flatMap((_, i) => [`r3 = *(u64 *)(r10 ${-32 - i * 8})`, `*(u64 *)(r2 +${i * 8}) = r3`]);
  const before = [
    wide(1, cell),
    wide(2, BEFORE),
    `*(u64 *)${place} = r2`,
    ...regs.map((constant, i) => wide(i, constant)),
  ];
  const after = [...spilled, wide(1, cell), wide(2, out), ...copied, `r3 = *(u64 *)${place}`, `*(u64 *)(r2 +80) = r3`];
  return [...lines(before), insnOf(row, { dst_reg: dst, src_reg: src, off }), ...lines(after)];
}
