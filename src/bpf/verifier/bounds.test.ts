// Ranges must hold every value they stand for: arcs near their borders, arithmetic and jumps on random ranges with known
// members.

import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  BPF_ADD,
  BPF_AND,
  BPF_ARSH,
  BPF_DIV,
  BPF_JEQ,
  BPF_JGE,
  BPF_JGT,
  BPF_JLE,
  BPF_JLT,
  BPF_JNE,
  BPF_JSET,
  BPF_JSGE,
  BPF_JSGT,
  BPF_JSLE,
  BPF_JSLT,
  BPF_LSH,
  BPF_MOD,
  BPF_MUL,
  BPF_NEG,
  BPF_OR,
  BPF_RSH,
  BPF_SUB,
  BPF_XOR,
} from "../isa/index.ts";
import { constRange, isImpossible, Range, rangeIn } from "./bounds.ts";
import { branchOutcome } from "./branch.ts";
import {
  Cnum32,
  cnum32Add,
  cnum32Contains,
  cnum32Intersect,
  cnum32IsSubset,
  cnum32Negate,
  Cnum64,
  cnum64Contains,
  smax32,
  smin32,
  umax32,
  umin32,
} from "./cnum.ts";
import { cnum32FromCnum64, cnum64Cnum32Intersect, edgeNumber, tnumUnion } from "./harness.ts";
import { sync } from "./range-sync.ts";
import { aluRange, signExtendRange, truncate } from "./scalar-alu.ts";
import { tnumConst } from "./tnum.ts";
import { fromBigInt, toBigInt, toSigned } from "./u64.ts";

const u32 = (v: number): number => v >>> 0;
const u64 = (v: bigint): bigint => BigInt.asUintN(64, v);
const s64 = (v: bigint): bigint => BigInt.asIntN(64, v);

/** Arcs of up to five values around the places where numbers wrap. */
const ARCS: readonly { readonly arc: Cnum32; readonly members: readonly number[] }[] = [-4, 0x7fff_fffc, 0].flatMap(
  (from) =>
    Array.from({ length: 8 }, (_, i) => u32(from + i)).flatMap((base) =>
      Array.from({ length: 5 }, (_, size) => ({
        arc: new Cnum32(base, size),
        members: Array.from({ length: size + 1 }, (_, i) => u32(base + i)),
      })),
    ),
);

describe("arcs", () => {
  it("project to the least and greatest values either way", () => {
    for (const { arc, members } of ARCS) {
      const signed = members.map((v) => v | 0);
      const unsignedWraps = members.includes(0) && members.includes(0xffff_ffff);
      const signedWraps = members.includes(0x7fff_ffff) && members.includes(0x8000_0000);
      expect([umin32(arc), umax32(arc)]).toEqual(
        unsignedWraps ? [0, 0xffff_ffff] : [Math.min(...members), Math.max(...members)],
      );
      expect([smin32(arc), smax32(arc)]).toEqual(
        signedWraps ? [-0x8000_0000, 0x7fff_ffff] : [Math.min(...signed), Math.max(...signed)],
      );
    }
  });

  it("add, negate, meet and compare as sets do", () => {
    for (const a of ARCS) {
      for (const v of a.members) expect(cnum32Contains(cnum32Negate(a.arc), u32(-v))).toBe(true);
      for (const b of ARCS) {
        const sum = cnum32Add(a.arc, b.arc);
        const meet = cnum32Intersect(a.arc, b.arc);
        for (const x of a.members) {
          if (b.members.includes(x) && !cnum32Contains(meet, x)) expect([a, b, x]).toBe("kept by the intersection");
          for (const y of b.members) if (!cnum32Contains(sum, u32(x + y))) expect([a, b, x, y]).toBe("kept by the sum");
        }
        expect(cnum32IsSubset(a.arc, b.arc)).toBe(b.members.every((v) => a.members.includes(v)));
      }
    }
  });

  it("of 64 bits are cut where their low halves cannot be", () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
        fc.bigInt({ min: 0n, max: (1n << 34n) - 1n }),
        fc.nat({ max: 0xffff_ffff }),
        fc.nat({ max: 0xffff_ffff }),
        fc.array(fc.bigInt({ min: 0n, max: (1n << 34n) - 1n }), { maxLength: 8 }),
        (base, size, low, span, offsets) => {
          const wide = new Cnum64(fromBigInt(base), fromBigInt(size));
          const narrow = new Cnum32(low, span);
          const both = cnum64Cnum32Intersect(wide, narrow);
          for (const offset of [0n, size, ...offsets]) {
            const v = u64(base + (offset > size ? size : offset));
            expect(cnum32Contains(cnum32FromCnum64(wide), Number(v & 0xffff_ffffn))).toBe(true);
            if (cnum32Contains(narrow, Number(v & 0xffff_ffffn)))
              expect(cnum64Contains(both, fromBigInt(v))).toBe(true);
          }
        },
      ),
    );
  });
});

interface Known {
  readonly range: Range;
  readonly members: readonly bigint[];
}

/** The smallest arc that holds all members when it starts at the first; the whole circle starts at 0. */
function arcOver(members: readonly bigint[], bits: 32 | 64): readonly [bigint, bigint] {
  const base = BigInt.asUintN(bits, members[0]);
  const sizes = members.map((v) => BigInt.asUintN(bits, v - base));
  const size = sizes.reduce((a, b) => (b > a ? b : a), 0n);
  return [size === BigInt.asUintN(bits, -1n) ? 0n : base, size];
}

/** A range around one to three values. */
const known: fc.Arbitrary<Known> = fc.array(edgeNumber, { minLength: 1, maxLength: 3 }).map((members) => {
  const bits = members.map((v) => tnumConst(fromBigInt(v))).reduce(tnumUnion);
  const [base, size] = arcOver(members, 64);
  const [base32, size32] = arcOver(members, 32);
  const range = new Range(
    bits,
    new Cnum64(fromBigInt(base), fromBigInt(size)),
    new Cnum32(Number(base32), Number(size32)),
  );
  return { range: sync(range), members };
});

function holds(range: Range, v: bigint): boolean {
  return rangeIn(range, constRange(fromBigInt(u64(v))));
}

const OPS: readonly (readonly [string, number, (a: bigint, b: bigint, bits: number) => bigint | undefined])[] = [
  ["add", BPF_ADD, (a, b) => a + b],
  ["sub", BPF_SUB, (a, b) => a - b],
  ["mul", BPF_MUL, (a, b) => a * b],
  ["and", BPF_AND, (a, b) => a & b],
  ["or", BPF_OR, (a, b) => a | b],
  ["xor", BPF_XOR, (a, b) => a ^ b],
  ["neg", BPF_NEG, (a) => -a],
  ["div", BPF_DIV, (a, b) => (b === 0n ? undefined : a / b)],
  ["mod", BPF_MOD, (a, b) => (b === 0n ? undefined : a % b)],
  ["lsh", BPF_LSH, (a, b, bits) => (b < BigInt(bits) ? a << b : undefined)],
  ["rsh", BPF_RSH, (a, b, bits) => (b < BigInt(bits) ? a >> b : undefined)],
  ["arsh", BPF_ARSH, (a, b, bits) => (b < BigInt(bits) ? BigInt.asIntN(bits, a) >> b : undefined)],
];

const JUMPS: readonly (readonly [string, number, (a: bigint, b: bigint, bits: number) => boolean])[] = [
  ["jeq", BPF_JEQ, (a, b) => a === b],
  ["jne", BPF_JNE, (a, b) => a !== b],
  ["jset", BPF_JSET, (a, b) => (a & b) !== 0n],
  ["jgt", BPF_JGT, (a, b) => a > b],
  ["jge", BPF_JGE, (a, b) => a >= b],
  ["jlt", BPF_JLT, (a, b) => a < b],
  ["jle", BPF_JLE, (a, b) => a <= b],
  ["jsgt", BPF_JSGT, (a, b, bits) => BigInt.asIntN(bits, a) > BigInt.asIntN(bits, b)],
  ["jsge", BPF_JSGE, (a, b, bits) => BigInt.asIntN(bits, a) >= BigInt.asIntN(bits, b)],
  ["jslt", BPF_JSLT, (a, b, bits) => BigInt.asIntN(bits, a) < BigInt.asIntN(bits, b)],
  ["jsle", BPF_JSLE, (a, b, bits) => BigInt.asIntN(bits, a) <= BigInt.asIntN(bits, b)],
];

const WIDTHS = [64, 32] as const;
const OPERATIONS = OPS.flatMap(([name, op, real]) => WIDTHS.map((bits) => [`${name}${bits}`, op, real, bits] as const));
const CONDITIONS = JUMPS.flatMap(([name, op, real]) =>
  WIDTHS.map((bits) => [`${name}${bits}`, op, real, bits] as const),
);

describe("ranges", () => {
  it("keep their values when the views are brought in step", () => {
    fc.assert(
      fc.property(known, ({ range, members }) => {
        for (const v of members) {
          expect(holds(range, v)).toBe(true);
          expect(toBigInt(range.umin) <= v && v <= toBigInt(range.umax)).toBe(true);
          expect(toSigned(range.smin) <= s64(v) && s64(v) <= toSigned(range.smax)).toBe(true);
        }
      }),
    );
  });

  it.each(OPERATIONS)("%s keeps every result", (_, op, real, bits) => {
    const run = (a: Known, b: Known): void => {
      const out = aluRange(op, a.range, b.range, bits === 32, false);
      for (const x of a.members) {
        for (const y of b.members) {
          const value = real(BigInt.asUintN(bits, x), BigInt.asUintN(bits, y), bits);
          if (value !== undefined) expect(holds(out, BigInt.asUintN(bits, value))).toBe(true);
        }
      }
    };
    const amount = fc
      .bigInt({ min: 0n, max: BigInt(bits - 1) })
      .map((v): Known => ({ range: constRange(fromBigInt(v)), members: [v] }));
    fc.assert(fc.property(known, fc.oneof(known, amount), run));
  });

  it.each(["div", "mod"] as const)("signed %s keeps every result", (name) => {
    fc.assert(
      fc.property(known, known, fc.constantFrom(...WIDTHS), (a, b, bits) => {
        const out = aluRange(name === "div" ? BPF_DIV : BPF_MOD, a.range, b.range, bits === 32, true);
        for (const x of a.members) {
          for (const y of b.members) {
            const [n, d] = [BigInt.asIntN(bits, x), BigInt.asIntN(bits, y)];
            if (d === 0n) continue;
            expect(holds(out, BigInt.asUintN(bits, name === "div" ? n / d : n % d))).toBe(true);
          }
        }
      }),
    );
  });

  it("keep their values when truncated or sign-extended", () => {
    fc.assert(
      fc.property(known, fc.constantFrom(1, 2, 4), ({ range, members }, bytes) => {
        const cut = truncate(range, bytes);
        const extended = sync(signExtendRange(range, bytes));
        for (const v of members) {
          expect(holds(cut, BigInt.asUintN(bytes * 8, v))).toBe(true);
          expect(holds(extended, BigInt.asIntN(bytes * 8, v))).toBe(true);
        }
      }),
    );
  });

  it.each(CONDITIONS)("%s decides and narrows without losing a value", (_, op, real, bits) => {
    fc.assert(
      fc.property(known, known, (a, b) => {
        const { taken, whenTaken, whenNot } = branchOutcome(a.range, b.range, op, bits === 32, false);
        for (const x of a.members) {
          for (const y of b.members) {
            const truth = real(BigInt.asUintN(bits, x), BigInt.asUintN(bits, y), bits);
            if (taken >= 0) expect(taken).toBe(truth ? 1 : 0);
            const [left, right] = truth ? whenTaken : whenNot;
            expect(isImpossible(left) || isImpossible(right)).toBe(false);
            expect(holds(left, x)).toBe(true);
            expect(holds(right, y)).toBe(true);
          }
        }
      }),
    );
  });
});
