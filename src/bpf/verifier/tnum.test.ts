// Tnums, exhaustively over four bits: every operation must keep all the values it can yield, in all their combinations.

import { describe, expect, it } from "vitest";
import { tnumStep, tnumUnion } from "./harness.ts";
import {
  Tnum,
  tnumAdd,
  tnumAnd,
  tnumConst,
  tnumIn,
  tnumIntersect,
  tnumIsConst,
  tnumMul,
  tnumNeg,
  tnumOr,
  tnumOverlap,
  tnumRange,
  tnumSar,
  tnumShl,
  tnumShr,
  tnumSub,
  tnumSwap,
  tnumXor,
  TNUM_UNKNOWN,
} from "./tnum.ts";
import { fromBigInt, fromNumber, toBigInt, U64 } from "./u64.ts";

const MASK64 = (1n << 64n) - 1n;

const tnum = (value: number, mask: number): Tnum => new Tnum(new U64(0, value), new U64(0, mask));
const holds = (t: Tnum, v: bigint): boolean => ((v ^ toBigInt(t.value)) & ~toBigInt(t.mask) & MASK64) === 0n;

/** All 81 tnums of four bits, with their members. */
const SMALL: readonly { readonly t: Tnum; readonly members: readonly bigint[] }[] = Array.from(
  { length: 256 },
  (_, i) => [i & 15, i >> 4] as const,
)
  .filter(([value, mask]) => (value & mask) === 0)
  .map(([value, mask]) => ({
    t: tnum(value, mask),
    members: Array.from({ length: 16 }, (_, v) => v)
      .filter((v) => ((v ^ value) & ~mask & 15) === 0)
      .map(BigInt),
  }));

const BINARY: readonly (readonly [
  name: string,
  op: (a: Tnum, b: Tnum) => Tnum,
  real: (x: bigint, y: bigint) => bigint,
])[] = [
  ["add", tnumAdd, (x, y) => x + y],
  ["sub", tnumSub, (x, y) => x - y],
  ["mul", tnumMul, (x, y) => x * y],
  ["and", tnumAnd, (x, y) => x & y],
  ["or", tnumOr, (x, y) => x | y],
  ["xor", tnumXor, (x, y) => x ^ y],
];

describe("tnum", () => {
  it("has 81 values of four bits", () => {
    expect(SMALL.length).toBe(81);
  });

  it.each(BINARY)("%s keeps every result", (_, op, real) => {
    for (const a of SMALL) {
      for (const b of SMALL) {
        const out = op(a.t, b.t);
        for (const x of a.members)
          for (const y of b.members) if (!holds(out, real(x, y) & MASK64)) expect([a, b, x, y]).toBe("kept");
        if (a.members.length === 1 && b.members.length === 1) expect(tnumIsConst(out)).toBe(true);
      }
    }
  });

  it("meets, joins and compares as sets do", () => {
    for (const a of SMALL) {
      for (const b of SMALL) {
        const both = a.members.filter((v) => b.members.includes(v));
        expect(tnumOverlap(a.t, b.t)).toBe(both.length > 0);
        expect(tnumIn(a.t, b.t)).toBe(both.length === b.members.length);
        const union = tnumUnion(a.t, b.t);
        for (const v of [...a.members, ...b.members]) expect(holds(union, v)).toBe(true);
        if (both.length > 0) for (const v of both) expect(holds(tnumIntersect(a.t, b.t), v)).toBe(true);
      }
    }
  });

  it("steps to the next member", () => {
    for (const { t, members } of SMALL) {
      for (let z = 0; z < 16; z++) {
        const next = members.find((v) => v > BigInt(z)) ?? members.at(-1)!;
        expect(toBigInt(tnumStep(t, new U64(0, z)))).toBe(next);
      }
    }
  });

  it("shifts and negates", () => {
    for (const { t, members } of SMALL) {
      for (const n of [0, 1, 3, 31, 32, 33, 60, 63]) {
        for (const v of members) {
          expect(holds(tnumShl(t, n), (v << BigInt(n)) & MASK64)).toBe(true);
          const high = tnumShl(t, 60);
          const moved = (v << 60n) & MASK64;
          expect(holds(tnumShr(high, n), moved >> BigInt(n))).toBe(true);
          expect(holds(tnumSar(high, n, 64), BigInt.asUintN(64, BigInt.asIntN(64, moved) >> BigInt(n)))).toBe(true);
        }
      }
      for (const v of members) expect(holds(tnumNeg(t), -v & MASK64)).toBe(true);
    }
  });

  it("covers every range of five bits, and no more than its common prefix allows", () => {
    for (let min = 0; min < 32; min++) {
      for (let max = min; max < 32; max++) {
        const t = tnumRange(new U64(0, min), new U64(0, max));
        for (let v = min; v <= max; v++) expect(holds(t, BigInt(v))).toBe(true);
        if (min === max) expect(tnumIsConst(t)).toBe(true);
        expect(toBigInt(t.mask) < 2n * BigInt(Math.max(1, min ^ max))).toBe(true);
      }
    }
  });

  it("swaps bytes", () => {
    const v = 0x0102_0304_0506_0708n;
    expect(toBigInt(tnumSwap(tnumConst(fromBigInt(v)), 8).value)).toBe(0x0807_0605_0403_0201n);
    expect(toBigInt(tnumSwap(tnumConst(fromBigInt(v)), 4).value)).toBe(0x0807_0605n);
    expect(toBigInt(tnumSwap(tnumConst(fromBigInt(v)), 2).value)).toBe(0x0807n);
    expect(toBigInt(tnumSwap(new Tnum(fromNumber(0), fromNumber(0xff)), 2).mask)).toBe(0xff00n);
    expect(tnumIsConst(tnumSwap(TNUM_UNKNOWN, 8))).toBe(false);
  });
});
