// Keeping the views of a range in step works on words in place; here the same steps are made of arcs and tnums, and both
// must give the same range, also for views that contradict each other.

import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { constRange, isImpossible, Range } from "./bounds.ts";
import {
  Cnum32,
  cnum32FromCnum64,
  cnum32FromS,
  cnum32FromU,
  cnum32Intersect,
  Cnum64,
  cnum64Cnum32Intersect,
  cnum64FromS,
  cnum64FromU,
  cnum64Intersect,
  umax32,
  umax64,
  umin32,
  umin64,
} from "./cnum.ts";
import { boundsFromBits, narrowLow, sync } from "./range-sync.ts";
import { Tnum, tnumIntersect, tnumRange, tnumStep, tnumSubreg, tnumWithSubreg } from "./tnum.ts";
import { andNot, eq, fromBigInt, ltu, or, U64 } from "./u64.ts";

const TOP_BIT = -0x8000_0000;

/** The arc a tnum spans, signed when its sign bit is set or unknown. */
function arc32({ value, mask }: Tnum): Cnum32 {
  const [v, m] = [value.lo, mask.lo];
  return (v | m) < 0 ? cnum32FromS(v | (m & TOP_BIT), v | (m & ~TOP_BIT)) : cnum32FromU(v, v | m);
}

function arc64({ value, mask }: Tnum): Cnum64 {
  if ((value.hi | mask.hi) >= 0) return cnum64FromU(value, or(value, mask));
  const low = new U64(value.hi | (mask.hi & TOP_BIT), value.lo);
  return cnum64FromS(low, new U64(value.hi | (mask.hi & ~TOP_BIT), value.lo | mask.lo));
}

function narrowArcs({ bits, ...arcs }: Range): Range {
  const r32 = cnum32Intersect(arcs.r32, arc32(bits));
  const r64 = cnum64Intersect(arcs.r64, arc64(bits));
  const low = umin64(r64);
  const high = umax64(r64);
  const next = tnumStep(bits, low);
  if (eq(andNot(low, bits.mask), bits.value)) return ltu(high, next) ? constRange(low) : new Range(bits, r64, r32);
  const only = eq(next, or(bits.value, bits.mask)) || (!ltu(high, next) && ltu(high, tnumStep(bits, next)));
  return only ? constRange(next) : new Range(bits, r64, r32);
}

function exchange({ bits, r64, r32 }: Range): Range {
  const low = cnum32Intersect(r32, cnum32FromCnum64(r64));
  return new Range(bits, cnum64Cnum32Intersect(r64, low), low);
}

function narrowBits({ bits, r64, r32 }: Range): Range {
  const whole = tnumIntersect(bits, tnumRange(umin64(r64), umax64(r64)));
  const span = tnumRange(new U64(0, umin32(r32) | 0), new U64(0, umax32(r32) | 0));
  return new Range(tnumWithSubreg(whole, tnumIntersect(tnumSubreg(whole), span)), r64, r32);
}

const inParts = (a: Range): Range => (isImpossible(a) ? a : narrowArcs(narrowBits(exchange(exchange(narrowArcs(a))))));

const bit = (n: bigint): bigint => 1n << n;
/** Words near the places where signs and halves change, and any. */
const word: fc.Arbitrary<U64> = fc
  .oneof(
    fc.bigInt({ min: 0n, max: bit(64n) - 1n }),
    fc.bigInt({ min: -4n, max: 4n }),
    fc.bigInt({ min: bit(31n) - 2n, max: bit(31n) + 2n }),
    fc.bigInt({ min: bit(32n) - 2n, max: bit(32n) + 2n }),
    fc.bigInt({ min: bit(63n) - 2n, max: bit(63n) + 2n }),
    fc.nat({ max: 64 }).map((n) => bit(BigInt(n)) - 1n),
  )
  .map(fromBigInt);

const range: fc.Arbitrary<Range> = fc
  .record({ value: word, mask: word, base: word, size: word, base32: word, size32: word })
  .map(
    ({ value, mask, base, size, base32, size32 }) =>
      new Range(new Tnum(andNot(value, mask), mask), new Cnum64(base, size), new Cnum32(base32.lo, size32.lo)),
  );

/** Ranges whose views agree on one value. */
const consistent: fc.Arbitrary<Range> = fc
  .record({ value: word, mask: word, below: word, size: word, below32: word, size32: word })
  .map(({ value, mask, below, size, below32, size32 }) => {
    const back = ltu(size, below) ? size : below;
    const back32 = Math.min(below32.lo >>> 0, size32.lo >>> 0);
    const minus = (a: U64, b: U64): U64 =>
      new U64((a.hi - b.hi - (a.lo >>> 0 < b.lo >>> 0 ? 1 : 0)) | 0, (a.lo - b.lo) | 0);
    return new Range(
      new Tnum(andNot(value, mask), mask),
      new Cnum64(minus(value, back), size),
      new Cnum32(value.lo - back32, size32.lo),
    );
  });

describe("views of a range in step", () => {
  it.each([
    ["at once", sync, inParts],
    ["by the bits", boundsFromBits, narrowArcs],
    [
      "by the low bits",
      narrowLow,
      ({ bits, r64, r32 }: Range) => new Range(bits, r64, cnum32Intersect(r32, arc32(bits))),
    ],
  ])("are what the steps made of arcs and tnums give: %s", (_, inPlace, parts) => {
    fc.assert(
      fc.property(fc.oneof(range, consistent), (a) => {
        expect(inPlace(a)).toEqual(parts(a));
      }),
      { numRuns: 3000 },
    );
  });
});
