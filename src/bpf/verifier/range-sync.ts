// Brings the three views of a range in step: each may narrow the others (reg_bounds_sync of kernel/bpf/verifier.c at v7.2).
// This runs for nearly every instruction walked, so it works in place on ten words instead of making objects at each step;
// what the steps mean on their own is in cnum.ts, tnum.ts and, for those that are made here alone, the tests' harness.ts.

import { isImpossible, Range, UNKNOWN } from "./bounds.ts";
import { Cnum32, CNUM32_UNBOUNDED, Cnum64, CNUM64_UNBOUNDED } from "./cnum.ts";
import { Tnum, TNUM_UNKNOWN } from "./tnum.ts";
import { isZero, U64 } from "./u64.ts";

/* The words of a range, 64-bit numbers in two halves: value and mask of the bits, base and size of the arcs. */
const VALUE_HI = 0;
const VALUE_LO = 1;
const MASK_HI = 2;
const MASK_LO = 3;
const BASE_HI = 4;
const BASE_LO = 5;
const SIZE_HI = 6;
const SIZE_LO = 7;
const BASE32 = 8;
const SIZE32 = 9;
/** What step() found. */
const STEP_HI = 10;
const STEP_LO = 11;

/** The range at work. */
const w = new Int32Array(12);

const TOP_BIT = -0x8000_0000;
const U32_MAX = 0xffff_ffff;

/* ---- 64-bit numbers as two halves ---- */

const ltu = (ah: number, al: number, bh: number, bl: number): boolean =>
  ah === bh ? al >>> 0 < bl >>> 0 : ah >>> 0 < bh >>> 0;
/** The upper half of a sum whose lower half is `lo`, and of a difference. */
const addHi = (ah: number, al: number, bh: number, lo: number): number => (ah + bh + (lo >>> 0 < al >>> 0 ? 1 : 0)) | 0;
const subHi = (ah: number, al: number, bh: number, bl: number): number => (ah - bh - (al >>> 0 < bl >>> 0 ? 1 : 0)) | 0;
/** Ones up to the highest bit set. */
const filled = (x: number): number => (x === 0 ? 0 : -1 >>> Math.clz32(x));

function setArc64(bh: number, bl: number, sh: number, sl: number): void {
  w[BASE_HI] = bh;
  w[BASE_LO] = bl;
  w[SIZE_HI] = sh;
  w[SIZE_LO] = sl;
}

function setArc32(base: number, size: number): void {
  w[BASE32] = base;
  w[SIZE32] = size;
}

function setConst(hi: number, lo: number): void {
  w[VALUE_HI] = hi;
  w[VALUE_LO] = lo;
  w[MASK_HI] = w[MASK_LO] = 0;
  setArc64(hi, lo, 0, 0);
  setArc32(lo, 0);
}

const isEmpty64 = (): boolean => (w[BASE_HI] & w[BASE_LO] & w[SIZE_HI] & w[SIZE_LO]) === -1;
const isEmpty32 = (): boolean => (w[BASE32] & w[SIZE32]) === -1;

/* ---- the steps ---- */

/** As cnum32Intersect. */
function intersect32(base: number, size: number): void {
  if (isEmpty32() || (base & size) === -1) return setArc32(-1, -1);
  let a = w[BASE32] >>> 0;
  let aSize = w[SIZE32] >>> 0;
  let b = base >>> 0;
  let bSize = size >>> 0;
  if (a > b) {
    [a, b] = [b, a];
    [aSize, bSize] = [bSize, aSize];
  }
  const gap = b - a;
  if (bSize > U32_MAX - gap) {
    if (gap > aSize) return setArc32(a, Math.min(aSize, (gap + bSize) >>> 0));
    return aSize <= bSize ? setArc32(a, aSize) : setArc32(b, bSize);
  }
  return aSize < gap ? setArc32(-1, -1) : setArc32(b, Math.min(aSize - gap, bSize));
}

/** As cnum64Intersect. */
function intersect64(bh: number, bl: number, tHi: number, tLo: number): void {
  if (isEmpty64() || (bh & bl & tHi & tLo) === -1) return setArc64(-1, -1, -1, -1);
  let ah = w[BASE_HI];
  let al = w[BASE_LO];
  let sh = w[SIZE_HI];
  let sl = w[SIZE_LO];
  if (ltu(bh, bl, ah, al)) {
    [ah, al, bh, bl] = [bh, bl, ah, al];
    [sh, sl, tHi, tLo] = [tHi, tLo, sh, sl];
  }
  const gapLo = (bl - al) | 0;
  const gapHi = subHi(bh, bl, ah, al);
  const apart = ltu(sh, sl, gapHi, gapLo);
  if (ltu(~gapHi, ~gapLo, tHi, tLo)) {
    if (!apart) return ltu(tHi, tLo, sh, sl) ? setArc64(bh, bl, tHi, tLo) : setArc64(ah, al, sh, sl);
    const endLo = (gapLo + tLo) | 0;
    const endHi = addHi(gapHi, gapLo, tHi, endLo);
    return ltu(endHi, endLo, sh, sl) ? setArc64(ah, al, endHi, endLo) : setArc64(ah, al, sh, sl);
  }
  if (apart) return setArc64(-1, -1, -1, -1);
  const restLo = (sl - gapLo) | 0;
  const restHi = subHi(sh, sl, gapHi, gapLo);
  return ltu(tHi, tLo, restHi, restLo) ? setArc64(bh, bl, tHi, tLo) : setArc64(bh, bl, restHi, restLo);
}

/** The smallest member of the bits above a number, or the largest when there is none, into STEP_HI and STEP_LO. */
function step(zh: number, zl: number): void {
  const vh = w[VALUE_HI];
  const vl = w[VALUE_LO];
  const mh = w[MASK_HI];
  const ml = w[MASK_LO];
  if (!ltu(zh, zl, vh | mh, vl | ml)) {
    w[STEP_HI] = vh | mh;
    w[STEP_LO] = vl | ml;
  } else if (ltu(zh, zl, vh, vl)) {
    w[STEP_HI] = vh;
    w[STEP_LO] = vl;
  } else {
    // counting up within the mask: all other places are filled with ones, so that the carry runs through them
    const lo = (zl - vl) | 0;
    const hi = subHi(zh, zl, vh, vl);
    const foreignHi = filled(hi & ~mh);
    const foreignLo = foreignHi === 0 ? filled(lo & ~ml) : -1;
    const next = ((lo | foreignLo | ~ml) + 1) | 0;
    const nextHi = ((hi | foreignHi | ~mh) + (next === 0 ? 1 : 0)) | 0;
    w[STEP_HI] = vh | (nextHi & mh);
    w[STEP_LO] = vl | (next & ml);
  }
}

/** The 32-bit arc narrowed by the low bits: signed when their sign bit is set or unknown. */
function narrow32(): void {
  const value = w[VALUE_LO];
  const mask = w[MASK_LO];
  if ((value | mask) >= 0) return intersect32(value, mask);
  const min = value | (mask & TOP_BIT);
  const size = ((value | (mask & ~TOP_BIT)) - min) | 0;
  return size === -1 ? intersect32(0, -1) : intersect32(min, size);
}

function narrow64(): void {
  const vh = w[VALUE_HI];
  const vl = w[VALUE_LO];
  const mh = w[MASK_HI];
  const ml = w[MASK_LO];
  if ((vh | mh) >= 0) return intersect64(vh, vl, mh, ml);
  const minHi = vh | (mh & TOP_BIT);
  const maxLo = vl | ml;
  const sizeLo = (maxLo - vl) | 0;
  const sizeHi = subHi(vh | (mh & ~TOP_BIT), maxLo, minHi, vl);
  return (sizeHi & sizeLo) === -1 ? intersect64(0, 0, -1, -1) : intersect64(minHi, vl, sizeHi, sizeLo);
}

/** Narrows both arcs by the bits; a single member of the tnum inside the arc makes a constant. */
function narrowArcs(): void {
  narrow32();
  narrow64();
  const bh = w[BASE_HI];
  const bl = w[BASE_LO];
  const wraps = ltu(~bh, ~bl, w[SIZE_HI], w[SIZE_LO]);
  const lowHi = wraps ? 0 : bh;
  const lowLo = wraps ? 0 : bl;
  const highLo = wraps ? -1 : (bl + w[SIZE_LO]) | 0;
  const highHi = wraps ? -1 : addHi(bh, bl, w[SIZE_HI], highLo);
  const vh = w[VALUE_HI];
  const vl = w[VALUE_LO];
  const mh = w[MASK_HI];
  const ml = w[MASK_LO];
  step(lowHi, lowLo);
  const nextHi = w[STEP_HI];
  const nextLo = w[STEP_LO];
  if ((lowHi & ~mh) === vh && (lowLo & ~ml) === vl) {
    if (ltu(highHi, highLo, nextHi, nextLo)) setConst(lowHi, lowLo);
    return;
  }
  if (nextHi === (vh | mh) && nextLo === (vl | ml)) return setConst(nextHi, nextLo);
  if (ltu(highHi, highLo, nextHi, nextLo)) return undefined;
  step(nextHi, nextLo);
  if (ltu(highHi, highLo, w[STEP_HI], w[STEP_LO])) setConst(nextHi, nextLo);
  return undefined;
}

/** Cuts the ends of the 64-bit arc back to the nearest values whose low half may lie in the 32-bit arc. */
function cutEnds(): void {
  if (isEmpty64() || isEmpty32()) return setArc64(-1, -1, -1, -1);
  const sh = w[SIZE_HI];
  const sl = w[SIZE_LO];
  const bh = w[BASE_HI];
  const bl = w[BASE_LO];
  const size32 = w[SIZE32] >>> 0;
  const from = (w[BASE32] - bl) >>> 0;
  const lastLow = sl >>> 0;
  if (size32 > U32_MAX - from) {
    const to = (from + size32) >>> 0;
    if (lastLow <= to || lastLow >= from) return undefined;
    const cut = (lastLow - to) | 0;
    return setArc64(bh, bl, subHi(sh, sl, 0, cut), (sl - cut) | 0);
  }
  if (sh === 0 && lastLow < from) return setArc64(-1, -1, -1, -1);
  const restLo = (sl - from) | 0;
  const restHi = subHi(sh, sl, 0, from);
  const to = from + size32;
  let cut = 0;
  if (lastLow < from) cut = lastLow + (0x1_0000_0000 - to);
  else if (lastLow >= to) cut = lastLow - to;
  const cutHi = cut > U32_MAX ? 1 : 0;
  if (ltu(restHi, restLo, cutHi, cut | 0)) return setArc64(-1, -1, -1, -1);
  const baseLo = (bl + from) | 0;
  return setArc64(addHi(bh, bl, 0, baseLo), baseLo, subHi(restHi, restLo, cutHi, cut | 0), (restLo - cut) | 0);
}

/** Each arc narrows the other. */
function exchange(): void {
  if (isEmpty64()) setArc32(-1, -1);
  else if (w[SIZE_HI] !== 0 || w[SIZE_LO] === -1) intersect32(0, -1);
  else intersect32(w[BASE_LO], w[SIZE_LO]);
  cutEnds();
}

/** The arcs narrow the bits; where they disagree a bit becomes a known 1. */
function narrowBits(): void {
  const bh = w[BASE_HI];
  const bl = w[BASE_LO];
  let value = w[VALUE_LO];
  let mask = w[MASK_LO];
  if (!ltu(~bh, ~bl, w[SIZE_HI], w[SIZE_LO])) {
    const highLo = (bl + w[SIZE_LO]) | 0;
    const highHi = addHi(bh, bl, w[SIZE_HI], highLo);
    // bits above the highest that differs are the same in the whole arc; where all may differ nothing is
    if ((bh ^ highHi) >= 0) {
      const unknownHi = filled(bh ^ highHi);
      const unknownLo = unknownHi === 0 ? filled(bl ^ highLo) : -1;
      const maskHi = w[MASK_HI] & unknownHi;
      mask &= unknownLo;
      value = (value | (bl & ~unknownLo)) & ~mask;
      w[VALUE_HI] = (w[VALUE_HI] | (bh & ~unknownHi)) & ~maskHi;
      w[MASK_HI] = maskHi;
    }
  }
  const base = w[BASE32];
  const size = w[SIZE32] >>> 0;
  const wraps = size > U32_MAX - (base >>> 0);
  const low = wraps ? 0 : base;
  const high = wraps ? -1 : (base + size) | 0;
  const unknown = filled(low ^ high);
  mask &= unknown;
  w[VALUE_LO] = (value | (low & ~unknown)) & ~mask;
  w[MASK_LO] = mask;
}

/* ---- between objects and words ---- */

function load({ bits, r64, r32 }: Range): void {
  w[VALUE_HI] = bits.value.hi;
  w[VALUE_LO] = bits.value.lo;
  w[MASK_HI] = bits.mask.hi;
  w[MASK_LO] = bits.mask.lo;
  w[BASE_HI] = r64.base.hi;
  w[BASE_LO] = r64.base.lo;
  w[SIZE_HI] = r64.size.hi;
  w[SIZE_LO] = r64.size.lo;
  w[BASE32] = r32.baseWord;
  w[SIZE32] = r32.sizeWord;
}

const isWord = (a: U64, hi: number): boolean => a.hi === w[hi] && a.lo === w[hi + 1];
const wordAt = (hi: number, old: U64): U64 => (isWord(old, hi) ? old : new U64(w[hi], w[hi + 1]));

/** The range at work as an object; parts that are as in `old` are shared with it. */
function store(old: Range): Range {
  const unbounded = (w[BASE_HI] | w[BASE_LO]) === 0 && (w[SIZE_HI] & w[SIZE_LO]) === -1;
  const unbounded32 = w[BASE32] === 0 && w[SIZE32] === -1;
  const unknown = (w[VALUE_HI] | w[VALUE_LO]) === 0 && (w[MASK_HI] & w[MASK_LO]) === -1;
  if (unbounded && unbounded32 && unknown) return UNKNOWN;
  let { bits, r64, r32 } = old;
  if (unknown) bits = TNUM_UNKNOWN;
  else if (!isWord(bits.value, VALUE_HI) || !isWord(bits.mask, MASK_HI)) {
    bits = new Tnum(wordAt(VALUE_HI, bits.value), wordAt(MASK_HI, bits.mask));
  }
  if (unbounded) r64 = CNUM64_UNBOUNDED;
  else if (!isWord(r64.base, BASE_HI) || !isWord(r64.size, SIZE_HI)) {
    r64 = new Cnum64(wordAt(BASE_HI, r64.base), wordAt(SIZE_HI, r64.size));
  }
  if (unbounded32) r32 = CNUM32_UNBOUNDED;
  else if (r32.baseWord !== w[BASE32] || r32.sizeWord !== w[SIZE32]) {
    r32 = new Cnum32(w[BASE32] >>> 0, w[SIZE32] >>> 0);
  }
  return bits === old.bits && r64 === old.r64 && r32 === old.r32 ? old : new Range(bits, r64, r32);
}

/** All three views name the same single value. */
function isSettled({ bits, r64, r32 }: Range): boolean {
  const { value } = bits;
  const { base } = r64;
  return (
    isZero(bits.mask) &&
    isZero(r64.size) &&
    r32.sizeWord === 0 &&
    value.hi === base.hi &&
    value.lo === base.lo &&
    base.lo === r32.baseWord
  );
}

/** The 32-bit arc of `a` narrowed by the low bits. */
export function narrowLow(a: Range): Range {
  load(a);
  narrow32();
  return store(a);
}

/** Narrows both arcs by the bits. */
export function boundsFromBits(a: Range): Range {
  load(a);
  narrowArcs();
  return store(a);
}

/** Brings the three views in step. An impossible range is returned as it is. */
export function sync(a: Range): Range {
  if (isImpossible(a) || isSettled(a)) return a;
  if (a.bits === TNUM_UNKNOWN && a.r64 === CNUM64_UNBOUNDED && a.r32 === CNUM32_UNBOUNDED) return UNKNOWN;
  load(a);
  narrowArcs();
  exchange();
  exchange();
  narrowBits();
  narrowArcs();
  return store(a);
}
