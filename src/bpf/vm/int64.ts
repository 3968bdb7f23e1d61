// 64-bit arithmetic on registers kept as pairs of int32 (low word at an even index, high word after it), for what is too
// long to stand in the interpreter's switch. Division goes through doubles while both operands are below 2^53, where
// flooring the rounded quotient is exact, and through BigInt only beyond.

/** Registers and constants: word pairs. */
export type Words = Int32Array;

const TWO_32 = 0x1_0000_0000;
/** High words below this keep the whole below 2^53. */
const SAFE_HIGH = 0x20_0000;

/** High word of the unsigned product of two words. */
function mulHigh(a: number, b: number): number {
  const al = a & 0xffff;
  const ah = a >>> 16;
  const bl = b & 0xffff;
  const bh = b >>> 16;
  const low = Math.imul(al, bl) >>> 0;
  const mid = (Math.imul(ah, bl) >>> 0) + (low >>> 16);
  const cross = (Math.imul(al, bh) >>> 0) + (mid & 0xffff);
  return ((Math.imul(ah, bh) >>> 0) + Math.floor(mid / 0x10000) + Math.floor(cross / 0x10000)) | 0;
}

/** regs[d] *= regs[s] */
export function mul64(regs: Words, d: number, s: number): void {
  const al = regs[d];
  const ah = regs[d + 1];
  const bl = regs[s];
  const bh = regs[s + 1];
  regs[d] = Math.imul(al, bl);
  regs[d + 1] = (mulHigh(al, bl) + Math.imul(al, bh) + Math.imul(ah, bl)) | 0;
}

function set(regs: Words, d: number, value: bigint): void {
  regs[d] = Number(BigInt.asIntN(32, value));
  regs[d + 1] = Number(BigInt.asIntN(32, value >> 32n));
}

function big(regs: Words, at: number): bigint {
  return (BigInt(regs[at + 1] >>> 0) << 32n) | BigInt(regs[at] >>> 0);
}

/** regs[d] /= regs[s] or %=, unsigned; by zero: 0, or unchanged for the remainder. */
export function divmod64(regs: Words, d: number, s: number, remainder: boolean): void {
  const bl = regs[s];
  const bh = regs[s + 1];
  if ((bl | bh) === 0) {
    if (!remainder) regs[d] = regs[d + 1] = 0;
    return;
  }
  const ah = regs[d + 1] >>> 0;
  if (ah < SAFE_HIGH && bh >>> 0 < SAFE_HIGH) {
    const a = ah * TWO_32 + (regs[d] >>> 0);
    const b = (bh >>> 0) * TWO_32 + (bl >>> 0);
    const quotient = Math.floor(a / b);
    const result = remainder ? a - quotient * b : quotient;
    regs[d] = result | 0;
    regs[d + 1] = (result / TWO_32) | 0;
    return;
  }
  const [a, b] = [big(regs, d), big(regs, s)];
  set(regs, d, remainder ? a % b : a / b);
}

/** regs[d] s/= regs[s] or s%=, truncating; by zero as above, the least number by -1 wraps. */
export function sdivmod64(regs: Words, d: number, s: number, remainder: boolean): void {
  const bl = regs[s];
  const bh = regs[s + 1];
  if ((bl | bh) === 0) {
    if (!remainder) regs[d] = regs[d + 1] = 0;
    return;
  }
  const al = regs[d];
  const ah = regs[d + 1];
  // Both within int32, the common case.
  if (ah === al >> 31 && bh === bl >> 31) {
    const result = remainder ? al % bl : Math.trunc(al / bl);
    regs[d] = result | 0;
    regs[d + 1] = result < 0 ? -1 : 0;
    return;
  }
  const [a, b] = [BigInt.asIntN(64, big(regs, d)), BigInt.asIntN(64, big(regs, s))];
  set(regs, d, remainder ? a % b : a / b);
}

/** The unsigned value of the pair at `at`. */
export function toBigInt(regs: Words, at: number): bigint {
  return big(regs, at);
}

/** Sets the pair at `at`. */
export function fromBigInt(regs: Words, at: number, value: bigint): void {
  set(regs, at, value);
}

/** The unsigned value of the pair at `at` as a number, rounded beyond 2^53. */
export function toNumber(regs: Words, at: number): number {
  return (regs[at + 1] >>> 0) * TWO_32 + (regs[at] >>> 0);
}
