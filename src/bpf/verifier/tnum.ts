// Tristate numbers: 64 bits of which some are known (kernel/bpf/tnum.c at v7.2). A bit set in `mask` is unknown and clear
// in `value`; all other bits are as in `value`.

import {
  add,
  and,
  andNot,
  bitLength,
  eq,
  isZero,
  lowBits,
  or,
  sar,
  shl,
  shr,
  sub,
  swapBytes,
  U64,
  U64_MAX,
  xor,
  ZERO,
} from "./u64.ts";

/** A set of 64-bit words: those that agree with `value` on every bit not in `mask`. */
export class Tnum {
  readonly value: U64;
  readonly mask: U64;

  constructor(value: U64, mask: U64) {
    this.value = value;
    this.mask = mask;
  }
}

export const TNUM_UNKNOWN: Tnum = new Tnum(ZERO, U64_MAX);
const TNUM_ZERO: Tnum = new Tnum(ZERO, ZERO);

export function tnumConst(value: U64): Tnum {
  return new Tnum(value, ZERO);
}

export function tnumIsConst(a: Tnum): boolean {
  return isZero(a.mask);
}

export function tnumIsUnknown(a: Tnum): boolean {
  return (a.mask.hi & a.mask.lo) === -1;
}

/** Whether the low 32 bits are all known. */
export function tnumSubregIsConst(a: Tnum): boolean {
  return a.mask.lo === 0;
}

export function tnumEqual(a: Tnum, b: Tnum): boolean {
  return a === b || (eq(a.value, b.value) && eq(a.mask, b.mask));
}

/** The smallest tnum that holds min..max (unsigned). */
export function tnumRange(min: U64, max: U64): Tnum {
  const bits = bitLength(xor(min, max));
  if (bits > 63) return TNUM_UNKNOWN;
  const mask = lowBits(bits);
  return new Tnum(andNot(min, mask), mask);
}

export function tnumShl(a: Tnum, n: number): Tnum {
  return new Tnum(shl(a.value, n), shl(a.mask, n));
}

export function tnumShr(a: Tnum, n: number): Tnum {
  return new Tnum(shr(a.value, n), shr(a.mask, n));
}

/** Arithmetic shift right of a 64-bit number, or of the low half alone (the upper half of the result is 0). */
export function tnumSar(a: Tnum, n: number, width: 32 | 64): Tnum {
  if (width === 32) return new Tnum(new U64(0, a.value.lo >> n), new U64(0, a.mask.lo >> n));
  return new Tnum(sar(a.value, n), sar(a.mask, n));
}

/** Settles a result: bits in `unknown` are unknown, the others as in `value`. */
function settle(value: U64, unknown: U64): Tnum {
  return new Tnum(andNot(value, unknown), unknown);
}

export function tnumAdd(a: Tnum, b: Tnum): Tnum {
  const low = add(a.value, b.value);
  const high = add(add(a.mask, b.mask), low);
  // a bit is unknown where an operand's is, or where the carry into it may differ
  return settle(low, or(xor(high, low), or(a.mask, b.mask)));
}

export function tnumSub(a: Tnum, b: Tnum): Tnum {
  const base = sub(a.value, b.value);
  const borrow = xor(add(base, a.mask), sub(base, b.mask));
  return settle(base, or(borrow, or(a.mask, b.mask)));
}

export function tnumNeg(a: Tnum): Tnum {
  return tnumSub(TNUM_ZERO, a);
}

export function tnumAnd(a: Tnum, b: Tnum): Tnum {
  const value = and(a.value, b.value);
  return new Tnum(value, andNot(and(or(a.value, a.mask), or(b.value, b.mask)), value));
}

export function tnumOr(a: Tnum, b: Tnum): Tnum {
  const value = or(a.value, b.value);
  return new Tnum(value, andNot(or(a.mask, b.mask), value));
}

export function tnumXor(a: Tnum, b: Tnum): Tnum {
  return settle(xor(a.value, b.value), or(a.mask, b.mask));
}

/**
 * Long multiplication; a partial sum is joined with itself plus `b` where a bit of `a` is unknown. Up to 64 sums: on halves of
 * words in place of objects. The sum's value and mask are (vh, vl) and (mh, ml).
 */
export function tnumMul(a: Tnum, b: Tnum): Tnum {
  let vh = 0;
  let vl = 0;
  let mh = 0;
  let ml = 0;
  for (let n = bitLength(or(a.value, a.mask)) - 1, i = 0; i <= n; i++) {
    const half = i < 32 ? "lo" : "hi";
    const one = (a.value[half] >>> (i & 31)) & 1;
    if (one === 0 && ((a.mask[half] >>> (i & 31)) & 1) === 0) continue;
    const value = shl(b.value, i);
    const mask = shl(b.mask, i);
    const low = (vl + value.lo) | 0;
    const high = (vh + value.hi + carry(low, vl)) | 0;
    const maskLow = (ml + mask.lo) | 0;
    const maskHigh = (mh + mask.hi + carry(maskLow, ml)) | 0;
    const sumLow = (maskLow + low) | 0;
    const sumHigh = (maskHigh + high + carry(sumLow, low)) | 0;
    let unknownHigh = (sumHigh ^ high) | mh | mask.hi;
    let unknownLow = (sumLow ^ low) | ml | mask.lo;
    let addedHigh = high & ~unknownHigh;
    let addedLow = low & ~unknownLow;
    if (one === 0) {
      unknownHigh |= mh | (vh ^ addedHigh);
      unknownLow |= ml | (vl ^ addedLow);
      addedHigh &= vh & ~unknownHigh;
      addedLow &= vl & ~unknownLow;
    }
    [vh, vl, mh, ml] = [addedHigh, addedLow, unknownHigh, unknownLow];
  }
  return new Tnum(new U64(vh, vl), new U64(mh, ml));
}

/** 1 when a sum of 32-bit halves ran over: it is then below what was added to. */
const carry = (sum: number, part: number): number => (sum >>> 0 < part >>> 0 ? 1 : 0);

/** Whether some word may be in both. */
export function tnumOverlap(a: Tnum, b: Tnum): boolean {
  return isZero(andNot(andNot(xor(a.value, b.value), a.mask), b.mask));
}

/** What both know; where they disagree the bit becomes a known 1. */
export function tnumIntersect(a: Tnum, b: Tnum): Tnum {
  return settle(or(a.value, b.value), and(a.mask, b.mask));
}

/** Keeps the low `bytes` bytes. */
export function tnumCast(a: Tnum, bytes: number): Tnum {
  const keep = lowBits(bytes * 8);
  return new Tnum(and(a.value, keep), and(a.mask, keep));
}

/** The low 32 bits. */
export function tnumSubreg(a: Tnum): Tnum {
  return a.value.hi === 0 && a.mask.hi === 0 ? a : new Tnum(new U64(0, a.value.lo), new U64(0, a.mask.lo));
}

/** `a` with its low 32 bits replaced by those of `low`. */
export function tnumWithSubreg(a: Tnum, low: Tnum): Tnum {
  return new Tnum(new U64(a.value.hi, low.value.lo), new U64(a.mask.hi, low.mask.lo));
}

/** Whether every word is a multiple of `size`, a power of two (0: always). */
export function tnumIsAligned(a: Tnum, size: number): boolean {
  return size === 0 || ((a.value.lo | a.mask.lo) & (size - 1)) === 0;
}

/** Whether every word of `inner` is in `outer`. */
export function tnumIn(outer: Tnum, inner: Tnum): boolean {
  return isZero(andNot(inner.mask, outer.mask)) && eq(outer.value, andNot(inner.value, outer.mask));
}

export function tnumSwap(a: Tnum, bytes: 2 | 4 | 8): Tnum {
  return new Tnum(swapBytes(a.value, bytes), swapBytes(a.mask, bytes));
}
