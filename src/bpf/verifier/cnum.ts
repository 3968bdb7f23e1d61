// Circular numbers: an arc of the circle of 2^64 (or 2^32) values, from `base` clockwise over `size` further values; one
// form for signed and unsigned ranges (kernel/bpf/cnum.c at v7.2). Both ways of reading a range are projections of the arc.

import { add, eq, isZero, ltu, minU, neg, not, S64_MAX, S64_MIN, sub, U64_MAX, ZERO, type U64 } from "./u64.ts";

/** A 64-bit arc. `base` all ones with `size` all ones is the empty one. */
export class Cnum64 {
  readonly base: U64;
  readonly size: U64;

  constructor(base: U64, size: U64) {
    this.base = base;
    this.size = size;
  }
}

/** A 32-bit arc; both numbers in 0..2^32-1. Engines store int32 without a box, so that is what is kept. */
export class Cnum32 {
  readonly baseWord: number;
  readonly sizeWord: number;

  constructor(base: number, size: number) {
    this.baseWord = base | 0;
    this.sizeWord = size | 0;
  }

  get base(): number {
    return this.baseWord >>> 0;
  }

  get size(): number {
    return this.sizeWord >>> 0;
  }
}

export const U32_MAX = 0xffff_ffff;
export const S32_MIN = -0x8000_0000;
export const S32_MAX = 0x7fff_ffff;
export const CNUM64_UNBOUNDED: Cnum64 = new Cnum64(ZERO, U64_MAX);
export const CNUM64_EMPTY: Cnum64 = new Cnum64(U64_MAX, U64_MAX);
export const CNUM32_UNBOUNDED: Cnum32 = new Cnum32(0, U32_MAX);
export const CNUM32_EMPTY: Cnum32 = new Cnum32(U32_MAX, U32_MAX);

/* ---- 64 bits ---- */

export function cnum64FromU(min: U64, max: U64): Cnum64 {
  return new Cnum64(min, sub(max, min));
}

export function cnum64FromS(min: U64, max: U64): Cnum64 {
  const size = sub(max, min);
  return eq(size, U64_MAX) ? CNUM64_UNBOUNDED : new Cnum64(min, size);
}

export function cnum64IsEmpty(a: Cnum64): boolean {
  return (a.base.hi & a.base.lo & a.size.hi & a.size.lo) === -1;
}

export function cnum64IsConst(a: Cnum64): boolean {
  return isZero(a.size);
}

export function cnum64Equal(a: Cnum64, b: Cnum64): boolean {
  return a === b || (eq(a.base, b.base) && eq(a.size, b.size));
}

/** Whether the arc runs past the highest unsigned value. */
function wrapsU64({ base, size }: Cnum64): boolean {
  const room = ~base.hi;
  return room === size.hi ? ~base.lo >>> 0 < size.lo >>> 0 : room >>> 0 < size.hi >>> 0;
}

export function cnum64Contains(a: Cnum64, v: U64): boolean {
  if (cnum64IsEmpty(a)) return false;
  const end = add(a.base, a.size);
  return wrapsU64(a) ? !ltu(v, a.base) || !ltu(end, v) : !ltu(v, a.base) && !ltu(end, v);
}

export function umin64(a: Cnum64): U64 {
  return wrapsU64(a) ? ZERO : a.base;
}

export function umax64(a: Cnum64): U64 {
  return wrapsU64(a) ? U64_MAX : add(a.base, a.size);
}

/** Whether the arc runs past the highest signed value. */
function wrapsS64(a: Cnum64): boolean {
  const { base, size } = a;
  const room = ~(base.hi ^ S32_MIN);
  const wraps = room === size.hi ? ~base.lo >>> 0 < size.lo >>> 0 : room >>> 0 < size.hi >>> 0;
  return wraps && !cnum64IsEmpty(a);
}

/* the empty arc has its two numbers in the order the kernel's minimum and maximum find them in */

export function smin64(a: Cnum64): U64 {
  if (wrapsS64(a)) return S64_MIN;
  return cnum64IsEmpty(a) ? add(a.base, a.size) : a.base;
}

export function smax64(a: Cnum64): U64 {
  if (wrapsS64(a)) return S64_MAX;
  return cnum64IsEmpty(a) ? a.base : add(a.base, a.size);
}

/** An arc that covers what both have in common; where that is two pieces, the smaller of the operands. */
export function cnum64Intersect(a: Cnum64, b: Cnum64): Cnum64 {
  if (cnum64IsEmpty(a) || cnum64IsEmpty(b)) return CNUM64_EMPTY;
  if (a === b) return a;
  if (ltu(b.base, a.base)) [a, b] = [b, a];
  const gap = sub(b.base, a.base);
  if (ltu(not(gap), b.size)) {
    // seen from the start of a, b runs over the top and begins again at a's start
    if (!ltu(a.size, gap)) return ltu(b.size, a.size) ? b : a;
    return new Cnum64(a.base, minU(a.size, add(gap, b.size)));
  }
  if (!ltu(a.size, gap)) return new Cnum64(b.base, minU(sub(a.size, gap), b.size));
  return CNUM64_EMPTY;
}

function normal64(base: U64, size: U64): Cnum64 {
  if (eq(size, U64_MAX) && !isZero(base) && !eq(base, S64_MAX)) return CNUM64_UNBOUNDED;
  return new Cnum64(base, size);
}

export function cnum64Add(a: Cnum64, b: Cnum64): Cnum64 {
  if (cnum64IsEmpty(a) || cnum64IsEmpty(b)) return CNUM64_EMPTY;
  if (ltu(not(b.size), a.size)) return CNUM64_UNBOUNDED;
  return normal64(add(a.base, b.base), add(a.size, b.size));
}

export function cnum64Negate(a: Cnum64): Cnum64 {
  if (cnum64IsEmpty(a)) return CNUM64_EMPTY;
  return normal64(neg(add(a.base, a.size)), a.size);
}

/** Whether all of `inner` lies in `outer`. */
export function cnum64IsSubset(outer: Cnum64, inner: Cnum64): boolean {
  if (outer === inner || cnum64IsEmpty(inner)) return true;
  if (cnum64IsEmpty(outer)) return false;
  const start = sub(inner.base, outer.base);
  if (ltu(not(start), inner.size) && !eq(outer.size, U64_MAX)) return false;
  return !ltu(outer.size, add(start, inner.size));
}

/* ---- 32 bits ---- */

export function cnum32FromU(min: number, max: number): Cnum32 {
  return new Cnum32(min >>> 0, (max - min) >>> 0);
}

export function cnum32FromS(min: number, max: number): Cnum32 {
  const size = (max - min) >>> 0;
  return size === U32_MAX ? CNUM32_UNBOUNDED : new Cnum32(min >>> 0, size);
}

export function cnum32IsEmpty(a: Cnum32): boolean {
  return (a.baseWord & a.sizeWord) === -1;
}

export function cnum32IsConst(a: Cnum32): boolean {
  return a.sizeWord === 0;
}

export function cnum32Equal(a: Cnum32, b: Cnum32): boolean {
  return a === b || (a.baseWord === b.baseWord && a.sizeWord === b.sizeWord);
}

export function cnum32Contains(a: Cnum32, v: number): boolean {
  if (cnum32IsEmpty(a)) return false;
  const end = (a.base + a.size) >>> 0;
  return a.size > U32_MAX - a.base ? v >= a.base || v <= end : v >= a.base && v <= end;
}

export function umin32(a: Cnum32): number {
  return a.size > U32_MAX - a.base ? 0 : a.base;
}

export function umax32(a: Cnum32): number {
  return a.size > U32_MAX - a.base ? U32_MAX : a.base + a.size;
}

function wrapsS32(a: Cnum32): boolean {
  return ((a.baseWord ^ S32_MIN) >>> 0) + (a.sizeWord >>> 0) > U32_MAX && !cnum32IsEmpty(a);
}

export function smin32(a: Cnum32): number {
  if (wrapsS32(a)) return S32_MIN;
  return cnum32IsEmpty(a) ? (a.baseWord + a.sizeWord) | 0 : a.baseWord;
}

export function smax32(a: Cnum32): number {
  if (wrapsS32(a)) return S32_MAX;
  return cnum32IsEmpty(a) ? a.baseWord : (a.baseWord + a.sizeWord) | 0;
}

/** As cnum64Intersect. */
export function cnum32Intersect(a: Cnum32, b: Cnum32): Cnum32 {
  if (cnum32IsEmpty(a) || cnum32IsEmpty(b)) return CNUM32_EMPTY;
  if (a === b) return a;
  if (a.base > b.base) [a, b] = [b, a];
  const gap = b.base - a.base;
  if (b.size > U32_MAX - gap) {
    if (gap <= a.size) return a.size <= b.size ? a : b;
    return new Cnum32(a.base, Math.min(a.size, (gap + b.size) >>> 0));
  }
  if (a.size >= gap) return new Cnum32(b.base, Math.min(a.size - gap, b.size));
  return CNUM32_EMPTY;
}

function normal32(base: number, size: number): Cnum32 {
  return size === U32_MAX && base !== 0 && base !== S32_MAX ? CNUM32_UNBOUNDED : new Cnum32(base, size);
}

export function cnum32Add(a: Cnum32, b: Cnum32): Cnum32 {
  if (cnum32IsEmpty(a) || cnum32IsEmpty(b)) return CNUM32_EMPTY;
  if (a.size > U32_MAX - b.size) return CNUM32_UNBOUNDED;
  return normal32((a.base + b.base) >>> 0, a.size + b.size);
}

export function cnum32Negate(a: Cnum32): Cnum32 {
  if (cnum32IsEmpty(a)) return CNUM32_EMPTY;
  return normal32(-(a.base + a.size) >>> 0, a.size);
}

export function cnum32IsSubset(outer: Cnum32, inner: Cnum32): boolean {
  if (outer === inner || cnum32IsEmpty(inner)) return true;
  if (cnum32IsEmpty(outer)) return false;
  const start = (inner.base - outer.base) >>> 0;
  if (inner.size > U32_MAX - start && outer.size < U32_MAX) return false;
  return (start + inner.size) >>> 0 <= outer.size;
}
