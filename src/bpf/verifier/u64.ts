// 64-bit words as two int32 halves. BigInt allocates on every operation and the verifier does a few hundred of them per
// instruction; small integers stay in registers. Immutable: results are new words, often shared constants.

/** One 64-bit word; both halves are int32 (`| 0`). */
export class U64 {
  readonly hi: number;
  readonly lo: number;

  constructor(hi: number, lo: number) {
    this.hi = hi;
    this.lo = lo;
  }
}

export const ZERO: U64 = new U64(0, 0);
export const ONE: U64 = new U64(0, 1);
export const U64_MAX: U64 = new U64(-1, -1);
export const S64_MIN: U64 = new U64(-0x8000_0000, 0);
export const S64_MAX: U64 = new U64(0x7fff_ffff, -1);
export const U32_MASK: U64 = new U64(0, -1);

/** Sign-extends an int32. */
export function fromS32(value: number): U64 {
  return value === 0 ? ZERO : new U64(value >> 31, value | 0);
}

/** A safe integer of either sign, wrapped to 64 bits. */
export function fromNumber(value: number): U64 {
  return new U64(Math.floor(value / 0x1_0000_0000) | 0, value | 0);
}

/** A bigint of either sign, wrapped to 64 bits. */
export function fromBigInt(value: bigint): U64 {
  return new U64(Number(BigInt.asIntN(32, value >> 32n)), Number(BigInt.asIntN(32, value)));
}

/** The unsigned value. */
export function toBigInt(a: U64): bigint {
  return (BigInt(a.hi >>> 0) << 32n) | BigInt(a.lo >>> 0);
}

/** The signed value. */
export function toSigned(a: U64): bigint {
  return (BigInt(a.hi) << 32n) | BigInt(a.lo >>> 0);
}

/** The signed value as a number; exact within +-2^53, rounded beyond. */
export function toNumber(a: U64): number {
  return a.hi * 0x1_0000_0000 + (a.lo >>> 0);
}

/** The unsigned value as a number; exact below 2^53, rounded beyond. */
export function toUnsignedNumber(a: U64): number {
  return (a.hi >>> 0) * 0x1_0000_0000 + (a.lo >>> 0);
}

export function isZero(a: U64): boolean {
  return (a.hi | a.lo) === 0;
}

export function eq(a: U64, b: U64): boolean {
  return a.hi === b.hi && a.lo === b.lo;
}

/** a < b, unsigned. */
export function ltu(a: U64, b: U64): boolean {
  return a.hi === b.hi ? a.lo >>> 0 < b.lo >>> 0 : a.hi >>> 0 < b.hi >>> 0;
}

/** a < b, signed. */
export function lts(a: U64, b: U64): boolean {
  return a.hi === b.hi ? a.lo >>> 0 < b.lo >>> 0 : a.hi < b.hi;
}

export function minU(a: U64, b: U64): U64 {
  return ltu(b, a) ? b : a;
}

export function maxU(a: U64, b: U64): U64 {
  return ltu(a, b) ? b : a;
}

export function minS(a: U64, b: U64): U64 {
  return lts(b, a) ? b : a;
}

export function maxS(a: U64, b: U64): U64 {
  return lts(a, b) ? b : a;
}

export function add(a: U64, b: U64): U64 {
  const lo = (a.lo + b.lo) | 0;
  return new U64((a.hi + b.hi + (lo >>> 0 < a.lo >>> 0 ? 1 : 0)) | 0, lo);
}

export function sub(a: U64, b: U64): U64 {
  return new U64((a.hi - b.hi - (a.lo >>> 0 < b.lo >>> 0 ? 1 : 0)) | 0, (a.lo - b.lo) | 0);
}

export function neg(a: U64): U64 {
  return sub(ZERO, a);
}

export function and(a: U64, b: U64): U64 {
  return new U64(a.hi & b.hi, a.lo & b.lo);
}

/** a & ~b */
export function andNot(a: U64, b: U64): U64 {
  return new U64(a.hi & ~b.hi, a.lo & ~b.lo);
}

export function or(a: U64, b: U64): U64 {
  return new U64(a.hi | b.hi, a.lo | b.lo);
}

export function xor(a: U64, b: U64): U64 {
  return new U64(a.hi ^ b.hi, a.lo ^ b.lo);
}

export function not(a: U64): U64 {
  return new U64(~a.hi, ~a.lo);
}

/** Shift left by 0..63. */
export function shl(a: U64, n: number): U64 {
  if (n === 0) return a;
  if (n >= 32) return new U64(a.lo << (n - 32), 0);
  return new U64((a.hi << n) | (a.lo >>> (32 - n)), a.lo << n);
}

/** Logical shift right by 0..63. */
export function shr(a: U64, n: number): U64 {
  if (n === 0) return a;
  if (n >= 32) return new U64(0, (a.hi >>> (n - 32)) | 0);
  return new U64((a.hi >>> n) | 0, (a.lo >>> n) | (a.hi << (32 - n)));
}

/** Arithmetic shift right by 0..63. */
export function sar(a: U64, n: number): U64 {
  if (n === 0) return a;
  if (n >= 32) return new U64(a.hi >> 31, a.hi >> (n - 32));
  return new U64(a.hi >> n, (a.lo >>> n) | (a.hi << (32 - n)));
}

/** Number of significant bits: 0 for 0, 64 for a word with its top bit set. */
export function bitLength(a: U64): number {
  return a.hi === 0 ? 32 - Math.clz32(a.lo) : 64 - Math.clz32(a.hi);
}

/** 2^n - 1 for n in 0..64. */
export function lowBits(n: number): U64 {
  if (n >= 64) return U64_MAX;
  if (n >= 32) return new U64(n === 32 ? 0 : (2 ** (n - 32) - 1) | 0, -1);
  return new U64(0, (2 ** n - 1) | 0);
}

/** The low `bytes` bytes in reverse order, zero-extended. */
export function swapBytes(a: U64, bytes: 2 | 4 | 8): U64 {
  const swap32 = (x: number): number => (x << 24) | ((x & 0xff00) << 8) | ((x >>> 8) & 0xff00) | (x >>> 24) | 0;
  if (bytes === 2) return new U64(0, ((a.lo & 0xff) << 8) | ((a.lo >>> 8) & 0xff));
  if (bytes === 4) return new U64(0, swap32(a.lo));
  return new U64(swap32(a.lo), swap32(a.hi));
}
