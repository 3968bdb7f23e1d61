// Arithmetic on ranges: what is known of the result of an ALU instruction (the scalar_min_max_* family of
// kernel/bpf/verifier.c at v7.2). Pure functions; pointers, ids and precision are the caller's business.

import {
  BPF_ADD,
  BPF_AND,
  BPF_ARSH,
  BPF_DIV,
  BPF_LSH,
  BPF_MOD,
  BPF_MUL,
  BPF_NEG,
  BPF_OR,
  BPF_RSH,
  BPF_SUB,
  BPF_XOR,
} from "../isa/index.ts";
import { constRange, Range, UNKNOWN, withLowConst, ZERO_RANGE } from "./bounds.ts";
import {
  cnum32Add,
  cnum32FromS,
  cnum32FromU,
  cnum32Intersect,
  cnum32Negate,
  CNUM32_UNBOUNDED,
  cnum64Add,
  cnum64FromS,
  cnum64FromU,
  cnum64Intersect,
  cnum64Negate,
  CNUM64_UNBOUNDED,
  S32_MAX,
  S32_MIN,
  U32_MAX,
  type Cnum32,
  type Cnum64,
} from "./cnum.ts";
import { boundsFromBits, narrowLow, sync } from "./range-sync.ts";
import {
  tnumAdd,
  tnumAnd,
  tnumCast,
  tnumConst,
  tnumIsConst,
  tnumMul,
  tnumNeg,
  tnumOr,
  tnumRange,
  tnumSar,
  tnumShl,
  tnumShr,
  tnumSub,
  tnumSubreg,
  tnumSubregIsConst,
  tnumSwap,
  tnumXor,
  TNUM_UNKNOWN,
  type Tnum,
} from "./tnum.ts";
import {
  add,
  and,
  andNot,
  eq,
  fromBigInt,
  fromS32,
  lowBits,
  ltu,
  maxU,
  minU,
  or,
  S64_MAX,
  S64_MIN,
  sar,
  shl,
  shr,
  sub,
  toBigInt,
  toSigned,
  U64,
  U64_MAX,
  xor,
  ZERO,
} from "./u64.ts";

/** Replaces the 32-bit result by its zero extension; the caller brings the views in step. */
export function zeroExtend(a: Range): Range {
  return new Range(tnumSubreg(a.bits), cnum64FromU(new U64(0, a.umin32 | 0), new U64(0, a.umax32 | 0)), a.r32);
}

/** Nothing known but the width, by bytes: what most loads give. */
const UNKNOWN_OF: (Range | undefined)[] = [];

/** The value as loaded or kept in `bytes` bytes, zero-extended. */
export function truncate(a: Range, bytes: number): Range {
  return a === UNKNOWN ? (UNKNOWN_OF[bytes] ??= truncated(a, bytes)) : truncated(a, bytes);
}

function truncated(a: Range, bytes: number): Range {
  const bits = tnumCast(a.bits, bytes);
  const mask = lowBits(bytes * 8);
  const { umin, umax } = a;
  const r64 = eq(andNot(umin, mask), andNot(umax, mask))
    ? cnum64FromU(and(umin, mask), and(umax, mask))
    : cnum64FromU(ZERO, mask);
  return sync(new Range(bits, r64, bytes < 4 ? CNUM32_UNBOUNDED : a.r32));
}

function signExtend(value: U64, bytes: number): U64 {
  const unused = 64 - bytes * 8;
  return sar(shl(value, unused), unused);
}

/** The low `bytes` (1, 2, 4) bytes, sign-extended to 64 bits. */
export function signExtendRange(a: Range, bytes: number): Range {
  if (a.isConst) return constRange(signExtend(a.value, bytes));
  const width = bytes * 8;
  const { smin, smax } = a;
  if (eq(shr(smax, width), shr(smin, width))) {
    const x = signExtend(smax, bytes);
    const y = signExtend(smin, bytes);
    if (x.hi < 0 === y.hi < 0) {
      const [low, high] = ltu(x, y) ? [x, y] : [y, x];
      return new Range(tnumRange(low, high), cnum64FromS(low, high), cnum32FromS(low.lo, high.lo));
    }
  }
  const min = sar(S64_MIN, 64 - width);
  const max = shr(U64_MAX, 65 - width);
  return new Range(TNUM_UNKNOWN, cnum64FromS(min, max), cnum32FromS(min.lo, max.lo));
}

/** The low `bytes` (1, 2) bytes, sign-extended to 32 bits; the caller zero-extends. */
export function signExtendRange32(a: Range, bytes: number): Range {
  const extend = (value: number): number => (bytes === 1 ? (value << 24) >> 24 : (value << 16) >> 16);
  if (a.isConst) {
    const value = extend(a.value.lo);
    return new Range(tnumConst(fromS32(value)), a.r64, cnum32FromS(value, value));
  }
  const width = bytes * 8;
  if (a.smax32 >> width === a.smin32 >> width) {
    const x = extend(a.smax32);
    const y = extend(a.smin32);
    if (x < 0 === y < 0) {
      const [low, high] = x < y ? [x, y] : [y, x];
      return new Range(tnumSubreg(tnumRange(fromS32(low), fromS32(high))), a.r64, cnum32FromS(low, high));
    }
  }
  return new Range(tnumSubreg(TNUM_UNKNOWN), a.r64, cnum32FromS(-(2 ** (width - 1)), 2 ** (width - 1) - 1));
}

/** Byte swaps and byte-order conversions on a little-endian machine; `swap` false only truncates. */
export function swapRange(a: Range, width: 16 | 32 | 64, swap: boolean): Range {
  let out = a;
  if (swap) out = new Range(tnumSwap(a.bits, (width / 8) as 2 | 4 | 8), CNUM64_UNBOUNDED, CNUM32_UNBOUNDED);
  if (width !== 64) out = truncate(out, width / 8);
  return sync(out);
}

function mul32(a: Range, b: Range): Cnum32 {
  let umin = a.umin32 * b.umin32;
  let umax = a.umax32 * b.umax32;
  if (umax > U32_MAX || umin > U32_MAX) [umin, umax] = [0, U32_MAX];
  const products = [a.smin32 * b.smin32, a.smin32 * b.smax32, a.smax32 * b.smin32, a.smax32 * b.smax32];
  const fits = products.every((p) => p >= S32_MIN && p <= S32_MAX);
  const signed = fits ? cnum32FromS(Math.min(...products), Math.max(...products)) : CNUM32_UNBOUNDED;
  return cnum32Intersect(cnum32FromU(umin, umax), signed);
}

const BIG_MAX = (1n << 64n) - 1n;
const BIG_SMIN = -(1n << 63n);
const BIG_SMAX = (1n << 63n) - 1n;

function mul64(a: Range, b: Range): Cnum64 {
  let umin = toBigInt(a.umin) * toBigInt(b.umin);
  let umax = toBigInt(a.umax) * toBigInt(b.umax);
  if (umax > BIG_MAX || umin > BIG_MAX) [umin, umax] = [0n, BIG_MAX];
  const [a0, a1, b0, b1] = [toSigned(a.smin), toSigned(a.smax), toSigned(b.smin), toSigned(b.smax)];
  const products = [a0 * b0, a0 * b1, a1 * b0, a1 * b1];
  let signed = CNUM64_UNBOUNDED;
  if (products.every((p) => p >= BIG_SMIN && p <= BIG_SMAX)) {
    const min = products.reduce((x, y) => (y < x ? y : x));
    const max = products.reduce((x, y) => (y > x ? y : x));
    signed = cnum64FromS(fromBigInt(min), fromBigInt(max));
  }
  return cnum64Intersect(cnum64FromU(fromBigInt(umin), fromBigInt(umax)), signed);
}

const only32 = (r32: Cnum32): Range => new Range(TNUM_UNKNOWN, CNUM64_UNBOUNDED, r32);
const only64 = (r64: Cnum64): Range => new Range(TNUM_UNKNOWN, r64, CNUM32_UNBOUNDED);

function divide32(a: Range, b: Range, signed: boolean): Range {
  if (!signed) {
    const by = b.umin32;
    return only32(cnum32FromU(Math.floor(a.umin32 / by), Math.floor(a.umax32 / by)));
  }
  const by = b.smin32;
  let { smin32: min, smax32: max } = a;
  if (min === S32_MIN && by === -1) {
    // INT_MIN / -1 wraps to itself
    if (max !== S32_MIN) [min, max] = [S32_MIN, S32_MAX];
    return only32(cnum32FromS(min, max));
  }
  const x = Math.trunc(min / by);
  const y = Math.trunc(max / by);
  return only32(cnum32FromS(Math.min(x, y), Math.max(x, y)));
}

function divide64(a: Range, b: Range, signed: boolean): Range {
  if (!signed) {
    const by = toBigInt(b.umin);
    return only64(cnum64FromU(fromBigInt(toBigInt(a.umin) / by), fromBigInt(toBigInt(a.umax) / by)));
  }
  const by = toSigned(b.smin);
  const min = toSigned(a.smin);
  const max = toSigned(a.smax);
  if (min === BIG_SMIN && by === -1n) {
    return only64(max === BIG_SMIN ? cnum64FromS(S64_MIN, S64_MIN) : cnum64FromS(S64_MIN, S64_MAX));
  }
  const x = min / by;
  const y = max / by;
  return only64(cnum64FromS(fromBigInt(x < y ? x : y), fromBigInt(x < y ? y : x)));
}

function modulo32(a: Range, b: Range, signed: boolean): Range {
  if (!signed) {
    const most = b.umin32 - 1;
    return a.umax32 <= most ? a : only32(cnum32FromU(0, Math.min(a.umax32, most)));
  }
  const most = Math.abs(b.smin32) - 1;
  const { smin32: min, smax32: max } = a;
  if (min >= -most && max <= most) return a;
  if (min >= 0) return only32(cnum32FromS(0, Math.min(max, most)));
  if (max <= 0) return only32(cnum32FromS(Math.max(min, -most), 0));
  return only32(cnum32FromS(-most, most));
}

function modulo64(a: Range, b: Range, signed: boolean): Range {
  if (!signed) {
    const most = sub(b.umin, new U64(0, 1));
    return !ltu(most, a.umax) ? a : only64(cnum64FromU(ZERO, minU(a.umax, most)));
  }
  const by = toSigned(b.smin);
  const most = (by < 0n ? -by : by) - 1n;
  const min = toSigned(a.smin);
  const max = toSigned(a.smax);
  if (min >= -most && max <= most) return a;
  if (min >= 0n) return only64(cnum64FromS(ZERO, fromBigInt(max < most ? max : most)));
  if (max <= 0n) return only64(cnum64FromS(fromBigInt(min > -most ? min : -most), ZERO));
  return only64(cnum64FromS(fromBigInt(-most), fromBigInt(most)));
}

/** AND, OR and XOR: the new bits are exact, the arcs follow from them and from the operands. */
function bitwise(a: Range, b: Range, bits: Tnum, op: number): Range {
  const lowValue = bits.value.lo >>> 0;
  const lowMost = (bits.value.lo | bits.mask.lo) >>> 0;
  let low: Range;
  if (tnumSubregIsConst(b.bits) && tnumSubregIsConst(bits)) low = withLowConst(new Range(bits, a.r64, a.r32), lowValue);
  else if (op === BPF_AND) low = new Range(bits, a.r64, cnum32FromU(lowValue, Math.min(a.umax32, b.umax32)));
  else if (op === BPF_OR) low = new Range(bits, a.r64, cnum32FromU(Math.max(a.umin32, b.umin32), lowMost));
  else low = new Range(bits, a.r64, cnum32FromU(lowValue, lowMost));

  if (tnumIsConst(b.bits) && tnumIsConst(bits)) return constRange(bits.value);
  const most = or(bits.value, bits.mask);
  if (op === BPF_AND) return boundsFromBits(new Range(bits, cnum64FromU(bits.value, minU(a.umax, b.umax)), low.r32));
  if (op === BPF_OR) return boundsFromBits(new Range(bits, cnum64FromU(maxU(a.umin, b.umin), most), low.r32));
  return new Range(bits, cnum64FromU(bits.value, most), low.r32);
}

function low32Shl(a: Range, n: number): Cnum32 {
  if (n > 31 || a.umax32 > 2 ** (31 - n)) return CNUM32_UNBOUNDED;
  return cnum32FromU((a.umin32 << n) >>> 0, (a.umax32 << n) >>> 0);
}

/** Narrows the 32-bit arc alone by the bits. */
function narrow32(bits: Tnum, r32: Cnum32): Range {
  return narrowLow(new Range(bits, CNUM64_UNBOUNDED, r32));
}

function shift32(op: number, a: Range, n: number): Range {
  const low = tnumSubreg(a.bits);
  if (op === BPF_LSH) return narrow32(tnumSubreg(tnumShl(low, n)), low32Shl(a, n));
  if (op === BPF_RSH) return narrow32(tnumShr(low, n), cnum32FromU(a.umin32 >>> n, a.umax32 >>> n));
  return narrow32(tnumSar(low, n, 32), cnum32FromS(a.smin32 >> n, a.smax32 >> n));
}

function shift64(op: number, a: Range, n: number): Range {
  if (op === BPF_RSH) {
    return boundsFromBits(new Range(tnumShr(a.bits, n), cnum64FromU(shr(a.umin, n), shr(a.umax, n)), CNUM32_UNBOUNDED));
  }
  if (op === BPF_ARSH) {
    return boundsFromBits(
      new Range(tnumSar(a.bits, n, 64), cnum64FromS(sar(a.smin, n), sar(a.smax, n)), CNUM32_UNBOUNDED),
    );
  }
  // a shift by 32 moves the signed low half up whole: the first half of a sign extension
  const signed = n === 32 ? cnum64FromS(new U64(a.smin32, 0), new U64(a.smax32, 0)) : CNUM64_UNBOUNDED;
  const { umin, umax } = a;
  const fits = !ltu(shl(new U64(0, 1), 63 - n), umax);
  const unsigned = fits ? cnum64FromU(shl(umin, n), shl(umax, n)) : CNUM64_UNBOUNDED;
  return boundsFromBits(new Range(tnumShl(a.bits, n), cnum64Intersect(unsigned, signed), low32Shl(a, n)));
}

/** Whether the result can be computed: divisors and shift counts must be known. */
function computable(op: number, b: Range, alu32: boolean): boolean {
  if (op !== BPF_DIV && op !== BPF_MOD && op !== BPF_LSH && op !== BPF_RSH && op !== BPF_ARSH) return true;
  const known = alu32 ? tnumSubregIsConst(b.bits) && b.r32.size === 0 : b.isConst && eq(b.umin, b.umax);
  if (!known || op === BPF_DIV || op === BPF_MOD) return known;
  const most = b.umax;
  return most.hi === 0 && most.lo >>> 0 < (alu32 ? 32 : 64);
}

function foldConst(op: number, a: U64, b: U64): U64 | undefined {
  switch (op) {
    case BPF_ADD:
      return add(a, b);
    case BPF_SUB:
      return sub(a, b);
    case BPF_AND:
      return and(a, b);
    case BPF_OR:
      return or(a, b);
    case BPF_XOR:
      return xor(a, b);
    default:
      return undefined;
  }
}

/**
 * The range after `a op b`. `signedOp` for the signed division and remainder (off 1). 32-bit results are zero-extended.
 */
export function aluRange(op: number, a: Range, b: Range, alu32: boolean, signedOp: boolean): Range {
  if (a.isConst && b.isConst) {
    const value = foldConst(op, a.value, b.value);
    if (value !== undefined) return constRange(alu32 ? new U64(0, value.lo) : value);
  }
  if (!computable(op, b, alu32)) return UNKNOWN;
  let out: Range;
  switch (op) {
    case BPF_ADD:
      out = new Range(tnumAdd(a.bits, b.bits), cnum64Add(a.r64, b.r64), cnum32Add(a.r32, b.r32));
      break;
    case BPF_SUB:
      out = new Range(
        tnumSub(a.bits, b.bits),
        cnum64Add(a.r64, cnum64Negate(b.r64)),
        cnum32Add(a.r32, cnum32Negate(b.r32)),
      );
      break;
    case BPF_NEG:
      out = new Range(
        tnumNeg(a.bits),
        cnum64Add(ZERO_RANGE.r64, cnum64Negate(a.r64)),
        cnum32Add(ZERO_RANGE.r32, cnum32Negate(a.r32)),
      );
      break;
    case BPF_MUL:
      out = new Range(tnumMul(a.bits, b.bits), mul64(a, b), mul32(a, b));
      break;
    case BPF_DIV: {
      const zero = alu32 ? b.umin32 === 0 : eq(b.umin, ZERO);
      if (zero) out = ZERO_RANGE;
      else out = alu32 ? divide32(a, b, signedOp) : divide64(a, b, signedOp);
      break;
    }
    case BPF_MOD: {
      const zero = alu32 ? b.umin32 === 0 : eq(b.umin, ZERO);
      if (zero) out = a;
      else out = alu32 ? modulo32(a, b, signedOp) : modulo64(a, b, signedOp);
      break;
    }
    case BPF_AND:
      out = bitwise(a, b, tnumAnd(a.bits, b.bits), op);
      break;
    case BPF_OR:
      out = bitwise(a, b, tnumOr(a.bits, b.bits), op);
      break;
    case BPF_XOR:
      out = bitwise(a, b, tnumXor(a.bits, b.bits), op);
      break;
    default: {
      const n = b.value.lo;
      out = alu32 ? shift32(op, a, n) : shift64(op, a, n);
    }
  }
  return sync(alu32 ? zeroExtend(out) : out);
}

/** `a + constant` of a linked register, both arcs and the bits. */
export function addConst(a: Range, value: U64): Range {
  const b = constRange(value);
  return new Range(tnumAdd(a.bits, b.bits), cnum64Add(a.r64, b.r64), cnum32Add(a.r32, b.r32));
}
