// Brings the three views of a range in step: each may narrow the others (reg_bounds_sync of kernel/bpf/verifier.c at v7.2).
// This runs for nearly every instruction walked, so it works in place on ten numbers instead of making objects at each step;
// what the steps mean on their own is in cnum.ts, tnum.ts and, for those that are made here alone, the tests' harness.ts.

import { isImpossible, Range, UNKNOWN } from "./bounds.ts";
import { Cnum32, CNUM32_UNBOUNDED, Cnum64, CNUM64_UNBOUNDED } from "./cnum.ts";
import { Tnum, TNUM_UNKNOWN } from "./tnum.ts";
import { isZero, U64 } from "./u64.ts";

/*
 * The range at work: value and mask of the bits, base and size of the arcs, 64-bit numbers in two halves, all of them int32.
 * Variables, for the first verdicts of a process run before anything is optimized, where an element of an array costs more.
 */
let valueHi = 0;
let valueLo = 0;
let maskHi = 0;
let maskLo = 0;
let baseHi = 0;
let baseLo = 0;
let sizeHi = 0;
let sizeLo = 0;
let base32 = 0;
let size32 = 0;
/** What step() found. */
let stepHi = 0;
let stepLo = 0;

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
  baseHi = bh;
  baseLo = bl;
  sizeHi = sh;
  sizeLo = sl;
}

function setArc32(base: number, size: number): void {
  base32 = base | 0;
  size32 = size | 0;
}

function setConst(hi: number, lo: number): void {
  valueHi = hi;
  valueLo = lo;
  maskHi = maskLo = 0;
  setArc64(hi, lo, 0, 0);
  setArc32(lo, 0);
}

const isEmpty64 = (): boolean => (baseHi & baseLo & sizeHi & sizeLo) === -1;
const isEmpty32 = (): boolean => (base32 & size32) === -1;

/* ---- the steps ---- */

/** As cnum32Intersect. */
function intersect32(base: number, size: number): void {
  if (isEmpty32() || (base & size) === -1) return setArc32(-1, -1);
  let a = base32 >>> 0;
  let aSize = size32 >>> 0;
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
  let ah = baseHi;
  let al = baseLo;
  let sh = sizeHi;
  let sl = sizeLo;
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

/** The smallest member of the bits above a number, or the largest when there is none, into stepHi and stepLo. */
function step(zh: number, zl: number): void {
  const vh = valueHi;
  const vl = valueLo;
  const mh = maskHi;
  const ml = maskLo;
  if (!ltu(zh, zl, vh | mh, vl | ml)) {
    stepHi = vh | mh;
    stepLo = vl | ml;
  } else if (ltu(zh, zl, vh, vl)) {
    stepHi = vh;
    stepLo = vl;
  } else {
    // counting up within the mask: all other places are filled with ones, so that the carry runs through them
    const lo = (zl - vl) | 0;
    const hi = subHi(zh, zl, vh, vl);
    const foreignHi = filled(hi & ~mh);
    const foreignLo = foreignHi === 0 ? filled(lo & ~ml) : -1;
    const next = ((lo | foreignLo | ~ml) + 1) | 0;
    const nextHi = ((hi | foreignHi | ~mh) + (next === 0 ? 1 : 0)) | 0;
    stepHi = vh | (nextHi & mh);
    stepLo = vl | (next & ml);
  }
}

/** The 32-bit arc narrowed by the low bits: signed when their sign bit is set or unknown. */
function narrow32(): void {
  const value = valueLo;
  const mask = maskLo;
  if ((value | mask) >= 0) return intersect32(value, mask);
  const min = value | (mask & TOP_BIT);
  const size = ((value | (mask & ~TOP_BIT)) - min) | 0;
  return size === -1 ? intersect32(0, -1) : intersect32(min, size);
}

function narrow64(): void {
  const vh = valueHi;
  const vl = valueLo;
  const mh = maskHi;
  const ml = maskLo;
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
  const bh = baseHi;
  const bl = baseLo;
  const wraps = ltu(~bh, ~bl, sizeHi, sizeLo);
  const lowHi = wraps ? 0 : bh;
  const lowLo = wraps ? 0 : bl;
  const highLo = wraps ? -1 : (bl + sizeLo) | 0;
  const highHi = wraps ? -1 : addHi(bh, bl, sizeHi, highLo);
  const vh = valueHi;
  const vl = valueLo;
  const mh = maskHi;
  const ml = maskLo;
  step(lowHi, lowLo);
  const nextHi = stepHi;
  const nextLo = stepLo;
  if ((lowHi & ~mh) === vh && (lowLo & ~ml) === vl) {
    if (ltu(highHi, highLo, nextHi, nextLo)) setConst(lowHi, lowLo);
    return;
  }
  if (nextHi === (vh | mh) && nextLo === (vl | ml)) return setConst(nextHi, nextLo);
  if (ltu(highHi, highLo, nextHi, nextLo)) return undefined;
  step(nextHi, nextLo);
  if (ltu(highHi, highLo, stepHi, stepLo)) setConst(nextHi, nextLo);
  return undefined;
}

/** Cuts the ends of the 64-bit arc back to the nearest values whose low half may lie in the 32-bit arc. */
function cutEnds(): void {
  if (isEmpty64() || isEmpty32()) return setArc64(-1, -1, -1, -1);
  const sh = sizeHi;
  const sl = sizeLo;
  const bh = baseHi;
  const bl = baseLo;
  const width = size32 >>> 0;
  const from = (base32 - bl) >>> 0;
  const lastLow = sl >>> 0;
  if (width > U32_MAX - from) {
    const to = (from + width) >>> 0;
    if (lastLow <= to || lastLow >= from) return undefined;
    const cut = (lastLow - to) | 0;
    return setArc64(bh, bl, subHi(sh, sl, 0, cut), (sl - cut) | 0);
  }
  if (sh === 0 && lastLow < from) return setArc64(-1, -1, -1, -1);
  const restLo = (sl - from) | 0;
  const restHi = subHi(sh, sl, 0, from);
  const to = from + width;
  let cut = 0;
  if (lastLow < from) cut = lastLow + (0x1_0000_0000 - to);
  else if (lastLow >= to) cut = lastLow - to;
  const cutHi = cut > U32_MAX ? 1 : 0;
  if (ltu(restHi, restLo, cutHi, cut | 0)) return setArc64(-1, -1, -1, -1);
  const lo = (bl + from) | 0;
  return setArc64(addHi(bh, bl, 0, lo), lo, subHi(restHi, restLo, cutHi, cut | 0), (restLo - cut) | 0);
}

/** Each arc narrows the other; whether that changed anything. */
function exchange(): boolean {
  const bh = baseHi;
  const bl = baseLo;
  const sh = sizeHi;
  const sl = sizeLo;
  const base = base32;
  const size = size32;
  if (isEmpty64()) setArc32(-1, -1);
  else if (sizeHi !== 0 || sizeLo === -1) intersect32(0, -1);
  else intersect32(baseLo, sizeLo);
  cutEnds();
  return ((bh ^ baseHi) | (bl ^ baseLo) | (sh ^ sizeHi) | (sl ^ sizeLo) | (base ^ base32) | (size ^ size32)) !== 0;
}

/** The arcs narrow the bits; where they disagree a bit becomes a known 1. */
function narrowBits(): void {
  const bh = baseHi;
  const bl = baseLo;
  let value = valueLo;
  let mask = maskLo;
  if (!ltu(~bh, ~bl, sizeHi, sizeLo)) {
    const highLo = (bl + sizeLo) | 0;
    const highHi = addHi(bh, bl, sizeHi, highLo);
    // bits above the highest that differs are the same in the whole arc; where all may differ nothing is
    if ((bh ^ highHi) >= 0) {
      const unknownHi = filled(bh ^ highHi);
      const unknownLo = unknownHi === 0 ? filled(bl ^ highLo) : -1;
      const rest = maskHi & unknownHi;
      mask &= unknownLo;
      value = (value | (bl & ~unknownLo)) & ~mask;
      valueHi = (valueHi | (bh & ~unknownHi)) & ~rest;
      maskHi = rest;
    }
  }
  const base = base32;
  const size = size32 >>> 0;
  const wraps = size > U32_MAX - (base >>> 0);
  const low = wraps ? 0 : base;
  const high = wraps ? -1 : (base + size) | 0;
  const unknown = filled(low ^ high);
  mask &= unknown;
  valueLo = (value | (low & ~unknown)) & ~mask;
  maskLo = mask;
}

/* ---- between objects and words ---- */

function load({ bits, r64, r32 }: Range): void {
  valueHi = bits.value.hi;
  valueLo = bits.value.lo;
  maskHi = bits.mask.hi;
  maskLo = bits.mask.lo;
  baseHi = r64.base.hi;
  baseLo = r64.base.lo;
  sizeHi = r64.size.hi;
  sizeLo = r64.size.lo;
  base32 = r32.baseWord;
  size32 = r32.sizeWord;
}

const isWord = (a: U64, hi: number, lo: number): boolean => a.hi === hi && a.lo === lo;
const word = (hi: number, lo: number, old: U64): U64 => (isWord(old, hi, lo) ? old : new U64(hi, lo));

/** The range at work as an object; parts that are as in `old` are shared with it. */
function store(old: Range): Range {
  const unbounded = (baseHi | baseLo) === 0 && (sizeHi & sizeLo) === -1;
  const unbounded32 = base32 === 0 && size32 === -1;
  const unknown = (valueHi | valueLo) === 0 && (maskHi & maskLo) === -1;
  if (unbounded && unbounded32 && unknown) return UNKNOWN;
  let { bits, r64, r32 } = old;
  if (unknown) bits = TNUM_UNKNOWN;
  else if (!isWord(bits.value, valueHi, valueLo) || !isWord(bits.mask, maskHi, maskLo)) {
    bits = new Tnum(word(valueHi, valueLo, bits.value), word(maskHi, maskLo, bits.mask));
  }
  if (unbounded) r64 = CNUM64_UNBOUNDED;
  else if (!isWord(r64.base, baseHi, baseLo) || !isWord(r64.size, sizeHi, sizeLo)) {
    r64 = new Cnum64(word(baseHi, baseLo, r64.base), word(sizeHi, sizeLo, r64.size));
  }
  if (unbounded32) r32 = CNUM32_UNBOUNDED;
  else if (r32.baseWord !== base32 || r32.sizeWord !== size32) {
    r32 = new Cnum32(base32 >>> 0, size32 >>> 0);
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
  if (exchange()) exchange();
  narrowBits();
  narrowArcs();
  return store(a);
}
