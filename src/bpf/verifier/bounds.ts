// What is known of one scalar: its bits (tnum) and two arcs, one for all 64 bits and one for the low 32. The three are kept
// in step with each other by range-sync.ts. Immutable.

import {
  Cnum32,
  cnum32Equal,
  cnum32IsConst,
  cnum32IsEmpty,
  cnum32IsSubset,
  CNUM32_UNBOUNDED,
  Cnum64,
  cnum64Equal,
  cnum64IsConst,
  cnum64IsEmpty,
  cnum64IsSubset,
  CNUM64_UNBOUNDED,
  smax32,
  smax64,
  smin32,
  smin64,
  umax32,
  umax64,
  umin32,
  umin64,
} from "./cnum.ts";
import {
  type Tnum,
  tnumConst,
  tnumEqual,
  tnumIn,
  tnumIsConst,
  tnumSubregIsConst,
  tnumWithSubreg,
  TNUM_UNKNOWN,
} from "./tnum.ts";
import { eq, fromS32, isZero, U64, ZERO } from "./u64.ts";

/** What is known of a 64-bit value (of a pointer: of its offset from the object's start). */
export class Range {
  readonly bits: Tnum;
  readonly r64: Cnum64;
  readonly r32: Cnum32;

  constructor(bits: Tnum, r64: Cnum64, r32: Cnum32) {
    this.bits = bits;
    this.r64 = r64;
    this.r32 = r32;
  }

  get smin(): U64 {
    return smin64(this.r64);
  }
  get smax(): U64 {
    return smax64(this.r64);
  }
  get umin(): U64 {
    return umin64(this.r64);
  }
  get umax(): U64 {
    return umax64(this.r64);
  }
  /** int32 */
  get smin32(): number {
    return smin32(this.r32);
  }
  /** int32 */
  get smax32(): number {
    return smax32(this.r32);
  }
  /** 0..2^32-1 */
  get umin32(): number {
    return umin32(this.r32);
  }
  /** 0..2^32-1 */
  get umax32(): number {
    return umax32(this.r32);
  }
  /** Whether all bits are known. */
  get isConst(): boolean {
    return isZero(this.bits.mask);
  }
  /** The value when it is known. */
  get value(): U64 {
    return this.bits.value;
  }
}

export const UNKNOWN: Range = new Range(TNUM_UNKNOWN, CNUM64_UNBOUNDED, CNUM32_UNBOUNDED);

/** Exactly `value`. */
export function constRange(value: U64): Range {
  return new Range(tnumConst(value), new Cnum64(value, ZERO), new Cnum32(value.lo >>> 0, 0));
}

export const ZERO_RANGE: Range = constRange(ZERO);

/** Exactly the sign-extended int32. */
export function constRangeS32(value: number): Range {
  return value === 0 ? ZERO_RANGE : constRange(fromS32(value));
}

/** Low 32 bits exactly `value`, the arc of all 64 bits left as it was. */
export function withLowConst(a: Range, value: number): Range {
  return new Range(tnumWithSubreg(a.bits, tnumConst(new U64(0, value | 0))), a.r64, new Cnum32(value >>> 0, 0));
}

export function rangeEqual(a: Range, b: Range): boolean {
  return a === b || (tnumEqual(a.bits, b.bits) && cnum64Equal(a.r64, b.r64) && cnum32Equal(a.r32, b.r32));
}

/** Whether every value of `inner` is one of `outer`, in all three views. */
export function rangeIn(outer: Range, inner: Range): boolean {
  if (outer === inner) return true;
  return cnum64IsSubset(outer.r64, inner.r64) && cnum32IsSubset(outer.r32, inner.r32) && tnumIn(outer.bits, inner.bits);
}

/** Whether the range says that no value is possible. */
export function isImpossible(a: Range): boolean {
  return cnum32IsEmpty(a.r32) || cnum64IsEmpty(a.r64);
}

/** A range whose views contradict each other after an operation falls back to no bounds; the bits stay. */
export function sane(a: Range): Range {
  const broken =
    isImpossible(a) ||
    (tnumIsConst(a.bits) && !(cnum64IsConst(a.r64) && eq(a.r64.base, a.bits.value))) ||
    (tnumSubregIsConst(a.bits) && !(cnum32IsConst(a.r32) && a.r32.base === a.bits.value.lo >>> 0));
  return broken ? new Range(a.bits, CNUM64_UNBOUNDED, CNUM32_UNBOUNDED) : a;
}
