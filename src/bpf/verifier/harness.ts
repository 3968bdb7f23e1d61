// For tests: the steps that bring the views of a range in step, made of arcs and tnums, one object after the other, where
// range-sync.ts works on words in place.

import * as fc from "fast-check";
import { constRange, isImpossible, Range } from "./bounds.ts";
import {
  CNUM32_EMPTY,
  CNUM32_UNBOUNDED,
  CNUM64_EMPTY,
  Cnum32,
  Cnum64,
  cnum32FromS,
  cnum32FromU,
  cnum32Intersect,
  cnum32IsEmpty,
  cnum64FromS,
  cnum64FromU,
  cnum64Intersect,
  cnum64IsEmpty,
  U32_MAX,
  umax32,
  umax64,
  umin32,
  umin64,
} from "./cnum.ts";
import { Tnum, tnumIntersect, tnumRange, tnumSubreg, tnumWithSubreg } from "./tnum.ts";
import { add, and, andNot, bitLength, eq, fromBigInt, lowBits, ltu, not, or, sub, U64, xor } from "./u64.ts";

/** The low halves of all values of `a`. */
export function cnum32FromCnum64(a: Cnum64): Cnum32 {
  if (cnum64IsEmpty(a)) return CNUM32_EMPTY;
  if (a.size.hi !== 0 || a.size.lo === -1) return CNUM32_UNBOUNDED;
  return new Cnum32(a.base.lo >>> 0, a.size.lo >>> 0);
}

/** The values of `a` whose low half may lie in `b`: `a` with its two ends cut back to the nearest that do. */
export function cnum64Cnum32Intersect(a: Cnum64, b: Cnum32): Cnum64 {
  if (cnum64IsEmpty(a) || cnum32IsEmpty(b)) return CNUM64_EMPTY;
  // b seen from the start of a, whose low half is then 0
  const from = (b.base - (a.base.lo >>> 0)) >>> 0;
  const lastLow = a.size.lo >>> 0;
  if (b.size > U32_MAX - from) {
    // the start of a is inside b; only the far end can be cut
    const to = (from + b.size) >>> 0;
    if (lastLow > to && lastLow < from) return new Cnum64(a.base, sub(a.size, new U64(0, (lastLow - to) | 0)));
    return a;
  }
  const skip = new U64(0, from | 0);
  if (ltu(a.size, skip)) return CNUM64_EMPTY;
  const size = sub(a.size, skip);
  const to = from + b.size;
  let cut = 0;
  if (lastLow < from) cut = lastLow + (0x1_0000_0000 - to);
  else if (lastLow >= to) cut = lastLow - to;
  const cutWord = new U64(Math.floor(cut / 0x1_0000_0000), cut | 0);
  if (ltu(size, cutWord)) return CNUM64_EMPTY;
  return new Cnum64(add(a.base, skip), sub(size, cutWord));
}

/** The smallest tnum that holds both sets. */
export function tnumUnion(a: Tnum, b: Tnum): Tnum {
  const unknown = or(xor(a.value, b.value), or(a.mask, b.mask));
  return new Tnum(andNot(and(a.value, b.value), unknown), unknown);
}

/** The smallest member above `z`; the largest member when there is none. */
export function tnumStep(a: Tnum, z: U64): U64 {
  const most = or(a.value, a.mask);
  if (!ltu(z, most)) return most;
  if (ltu(z, a.value)) return a.value;
  // Members are value + s for submasks s of mask. Counting up within the mask: all other positions are filled with ones, so
  // that the carry runs through them; below the highest foreign bit of the distance everything is filled.
  const distance = sub(z, a.value);
  const foreign = lowBits(bitLength(andNot(distance, a.mask)));
  const filled = or(or(distance, foreign), not(a.mask));
  return or(a.value, and(add(filled, new U64(0, 1)), a.mask));
}

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

/** Narrows both arcs by the bits. */
export function narrowArcs({ bits, ...arcs }: Range): Range {
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

/** Narrows the 32-bit arc by the low bits. */
export const narrowLowArc = ({ bits, r64, r32 }: Range): Range =>
  new Range(bits, r64, cnum32Intersect(r32, arc32(bits)));

/** Brings the views in step. */
export const syncInParts = (a: Range): Range =>
  isImpossible(a) ? a : narrowArcs(narrowBits(exchange(exchange(narrowArcs(a)))));

const bit = (n: bigint): bigint => 1n << n;
/** Numbers near the places where signs and halves change, and any. */
export const edgeNumber: fc.Arbitrary<bigint> = fc
  .oneof(
    fc.bigInt({ min: 0n, max: bit(64n) - 1n }),
    fc.bigInt({ min: -20n, max: 20n }),
    fc.bigInt({ min: bit(31n) - 3n, max: bit(31n) + 3n }),
    fc.bigInt({ min: bit(32n) - 3n, max: bit(32n) + 3n }),
    fc.bigInt({ min: bit(63n) - 3n, max: bit(63n) + 3n }),
    fc.nat({ max: 64 }).map((n) => bit(BigInt(n)) - 1n),
  )
  .map((n) => BigInt.asUintN(64, n));
export const edgeWord: fc.Arbitrary<U64> = edgeNumber.map(fromBigInt);
