// Conditional jumps on scalars: whether a branch is certain, and what each side knows afterwards (is_scalar_branch_taken
// and regs_refine_cond_op of kernel/bpf/verifier.c at v7.2). Pure functions.

import {
  BPF_JEQ,
  BPF_JGE,
  BPF_JGT,
  BPF_JLE,
  BPF_JLT,
  BPF_JNE,
  BPF_JSET,
  BPF_JSGE,
  BPF_JSGT,
  BPF_JSLE,
  BPF_JSLT,
} from "../isa/index.ts";
import { isImpossible, Range } from "./bounds.ts";
import {
  Cnum32,
  cnum32FromS,
  cnum32FromU,
  cnum32Intersect,
  CNUM32_UNBOUNDED,
  Cnum64,
  cnum64FromS,
  cnum64FromU,
  cnum64Intersect,
  CNUM64_UNBOUNDED,
  S32_MAX,
  S32_MIN,
  U32_MAX,
} from "./cnum.ts";
import { sync } from "./range-sync.ts";
import {
  tnumAnd,
  tnumConst,
  tnumIntersect,
  tnumOr,
  tnumOverlap,
  tnumSubreg,
  tnumSubregIsConst,
  tnumWithSubreg,
  type Tnum,
} from "./tnum.ts";
import { add, and, eq, isZero, lts, ltu, not, ONE, or, S64_MAX, S64_MIN, sub, U64, U64_MAX, ZERO } from "./u64.ts";

/** "Not (a & b)", which has no opcode of its own. */
const NOT_SET = BPF_JSET | 8;

const FLIPPED: Readonly<Record<number, number>> = {
  [BPF_JEQ]: BPF_JEQ,
  [BPF_JNE]: BPF_JNE,
  [BPF_JSET]: BPF_JSET,
  [BPF_JGE]: BPF_JLE,
  [BPF_JGT]: BPF_JLT,
  [BPF_JLE]: BPF_JGE,
  [BPF_JLT]: BPF_JGT,
  [BPF_JSGE]: BPF_JSLE,
  [BPF_JSGT]: BPF_JSLT,
  [BPF_JSLE]: BPF_JSGE,
  [BPF_JSLT]: BPF_JSGT,
};

const NEGATED: Readonly<Record<number, number>> = {
  [BPF_JEQ]: BPF_JNE,
  [BPF_JNE]: BPF_JEQ,
  [BPF_JSET]: NOT_SET,
  [NOT_SET]: BPF_JSET,
  [BPF_JGE]: BPF_JLT,
  [BPF_JGT]: BPF_JLE,
  [BPF_JLE]: BPF_JGT,
  [BPF_JLT]: BPF_JGE,
  [BPF_JSGE]: BPF_JSLT,
  [BPF_JSGT]: BPF_JSLE,
  [BPF_JSLE]: BPF_JSGT,
  [BPF_JSLT]: BPF_JSGE,
};

/** The comparison with its operands exchanged. */
export function flipOpcode(op: number): number {
  return FLIPPED[op] ?? 0;
}

const meet32U = (a: Range, min: number, max: number): Range =>
  new Range(a.bits, a.r64, cnum32Intersect(a.r32, cnum32FromU(min >>> 0, max >>> 0)));
const meet32S = (a: Range, min: number, max: number): Range =>
  new Range(a.bits, a.r64, cnum32Intersect(a.r32, cnum32FromS(min | 0, max | 0)));
const meet64U = (a: Range, min: U64, max: U64): Range =>
  new Range(a.bits, cnum64Intersect(a.r64, cnum64FromU(min, max)), a.r32);
const meet64S = (a: Range, min: U64, max: U64): Range =>
  new Range(a.bits, cnum64Intersect(a.r64, cnum64FromS(min, max)), a.r32);
const withBits = (a: Range, bits: Tnum): Range => new Range(bits, a.r64, a.r32);

const known = (a: Range, jmp32: boolean): boolean => (jmp32 ? tnumSubregIsConst(a.bits) : a.isConst);
const knownValue = (a: Range, jmp32: boolean): U64 => (jmp32 ? new U64(0, a.value.lo) : a.value);

function isPowerOfTwo(a: U64): boolean {
  return !isZero(a) && isZero(and(a, sub(a, ONE)));
}

type Pair = readonly [Range, Range];

/** With one operand known: narrows the other; a pair of unknowns is left alone. */
function refineAgainstConst(a: Range, b: Range, jmp32: boolean, narrow: (a: Range, value: U64) => Range): Pair {
  if (known(b, jmp32)) return [narrow(a, knownValue(b, jmp32)), b];
  if (known(a, jmp32)) return [a, narrow(b, knownValue(a, jmp32))];
  return [a, b];
}

function refineEqual(a: Range, b: Range, jmp32: boolean): Pair {
  if (jmp32) {
    const r32 = cnum32Intersect(a.r32, b.r32);
    const bits = tnumIntersect(tnumSubreg(a.bits), tnumSubreg(b.bits));
    return [new Range(tnumWithSubreg(a.bits, bits), a.r64, r32), new Range(tnumWithSubreg(b.bits, bits), b.r64, r32)];
  }
  const r64 = cnum64Intersect(a.r64, b.r64);
  const bits = tnumIntersect(a.bits, b.bits);
  return [new Range(bits, r64, a.r32), new Range(bits, r64, b.r32)];
}

/** `a < b + slack`, `slack` 0 or 1, in the given signedness and width. */
function refineLess(a: Range, b: Range, jmp32: boolean, signed: boolean, strict: boolean): Pair {
  if (jmp32) {
    const less = strict ? 1 : 0;
    if (signed) {
      const x = meet32S(a, S32_MIN, b.smax32 - less);
      return [x, meet32S(b, x.smin32 + less, S32_MAX)];
    }
    const x = meet32U(a, 0, b.umax32 - less);
    return [x, meet32U(b, x.umin32 + less, U32_MAX)];
  }
  const less = strict ? ONE : ZERO;
  if (signed) {
    const x = meet64S(a, S64_MIN, sub(b.smax, less));
    return [x, meet64S(b, add(x.smin, less), S64_MAX)];
  }
  const x = meet64U(a, ZERO, sub(b.umax, less));
  return [x, meet64U(b, add(x.umin, less), U64_MAX)];
}

/** What is known of both operands once `a op b` holds; the caller brings the views in step. */
function refine(a: Range, b: Range, op: number, jmp32: boolean): Pair {
  switch (op) {
    case BPF_JEQ:
      return refineEqual(a, b, jmp32);
    case BPF_JNE:
      return refineAgainstConst(a, b, jmp32, (r, value) =>
        jmp32
          ? new Range(r.bits, r.r64, cnum32Intersect(r.r32, new Cnum32((value.lo + 1) >>> 0, U32_MAX - 1)))
          : new Range(r.bits, cnum64Intersect(r.r64, new Cnum64(add(value, ONE), sub(U64_MAX, ONE))), r.r32),
      );
    case BPF_JSET:
      return refineAgainstConst(a, b, jmp32, (r, value) => {
        if (!isPowerOfTwo(value)) return r;
        if (!jmp32) return withBits(r, tnumOr(r.bits, tnumConst(value)));
        return withBits(r, tnumWithSubreg(r.bits, tnumOr(tnumSubreg(r.bits), tnumConst(value))));
      });
    case NOT_SET:
      return refineAgainstConst(a, b, jmp32, (r, value) => {
        const clear = tnumConst(not(value));
        const bits = jmp32 ? tnumWithSubreg(r.bits, tnumAnd(tnumSubreg(r.bits), clear)) : tnumAnd(r.bits, clear);
        return new Range(bits, CNUM64_UNBOUNDED, CNUM32_UNBOUNDED);
      });
    case BPF_JLE:
      return refineLess(a, b, jmp32, false, false);
    case BPF_JLT:
      return refineLess(a, b, jmp32, false, true);
    case BPF_JSLE:
      return refineLess(a, b, jmp32, true, false);
    case BPF_JSLT:
      return refineLess(a, b, jmp32, true, true);
    case BPF_JGE:
    case BPF_JGT:
    case BPF_JSGE:
    case BPF_JSGT: {
      const [y, x] = refine(b, a, flipOpcode(op), jmp32);
      return [x, y];
    }
    default:
      return [a, b];
  }
}

/** -1: both branches are possible. The pairs are what the operands are on each side. */
export interface BranchOutcome {
  readonly taken: -1 | 0 | 1;
  readonly whenTaken: Pair;
  readonly whenNot: Pair;
}

function sameRegister(op: number, a: Range, jmp32: boolean): -1 | 0 | 1 {
  switch (op) {
    case BPF_JGE:
    case BPF_JLE:
    case BPF_JSGE:
    case BPF_JSLE:
    case BPF_JEQ:
      return 1;
    case BPF_JGT:
    case BPF_JLT:
    case BPF_JSGT:
    case BPF_JSLT:
    case BPF_JNE:
      return 0;
    case BPF_JSET: {
      if (known(a, jmp32)) return isZero(knownValue(a, jmp32)) ? 0 : 1;
      if (jmp32) return a.smin32 <= 0 && a.smax32 >= 0 ? -1 : 1;
      return !lts(ZERO, a.smin) && !lts(a.smax, ZERO) ? -1 : 1;
    }
    default:
      return -1;
  }
}

/** Whether no value of `a` can equal one of `b`. */
function neverEqual(a: Range, b: Range, jmp32: boolean): boolean {
  const low = a.umin32 > b.umax32 || a.umax32 < b.umin32 || a.smin32 > b.smax32 || a.smax32 < b.smin32;
  if (jmp32) return !tnumOverlap(tnumSubreg(a.bits), tnumSubreg(b.bits)) || low;
  if (!tnumOverlap(a.bits, b.bits) || low) return true;
  return ltu(b.umax, a.umin) || ltu(a.umax, b.umin) || lts(b.smax, a.smin) || lts(a.smax, b.smin);
}

function compareEqual(a: Range, b: Range, jmp32: boolean): -1 | 0 | 1 {
  if (known(a, jmp32) && known(b, jmp32)) return eq(knownValue(a, jmp32), knownValue(b, jmp32)) ? 1 : 0;
  return neverEqual(a, b, jmp32) ? 0 : -1;
}

/** Certainty of `a < b` (strict) or `a <= b`. */
function compareLess(a: Range, b: Range, jmp32: boolean, signed: boolean, strict: boolean): -1 | 0 | 1 {
  if (jmp32) {
    const [amin, amax, bmin, bmax] = signed
      ? [a.smin32, a.smax32, b.smin32, b.smax32]
      : [a.umin32, a.umax32, b.umin32, b.umax32];
    if (strict ? amax < bmin : amax <= bmin) return 1;
    return (strict ? amin >= bmax : amin > bmax) ? 0 : -1;
  }
  const less = signed ? lts : ltu;
  const [amin, amax] = signed ? [a.smin, a.smax] : [a.umin, a.umax];
  const [bmin, bmax] = signed ? [b.smin, b.smax] : [b.umin, b.umax];
  if (strict ? less(amax, bmin) : !less(bmin, amax)) return 1;
  return (strict ? !less(amin, bmax) : less(bmax, amin)) ? 0 : -1;
}

function compareSet(a: Range, b: Range, jmp32: boolean): -1 | 0 | 1 {
  if (!known(b, jmp32)) [a, b] = [b, a];
  const value = knownValue(b, jmp32);
  if (!isZero(and(a.value, value))) return 1;
  return isZero(and(or(a.value, a.bits.mask), value)) ? 0 : -1;
}

const swapResult = (r: -1 | 0 | 1): -1 | 0 | 1 => (r === -1 ? -1 : r === 1 ? 0 : 1);

function certain(a: Range, b: Range, op: number, jmp32: boolean): -1 | 0 | 1 {
  switch (op) {
    case BPF_JEQ:
      return compareEqual(a, b, jmp32);
    case BPF_JNE:
      return swapResult(compareEqual(a, b, jmp32));
    case BPF_JSET:
      return compareSet(a, b, jmp32);
    case BPF_JLT:
      return compareLess(a, b, jmp32, false, true);
    case BPF_JLE:
      return compareLess(a, b, jmp32, false, false);
    case BPF_JGT:
      return compareLess(b, a, jmp32, false, true);
    case BPF_JGE:
      return compareLess(b, a, jmp32, false, false);
    case BPF_JSLT:
      return compareLess(a, b, jmp32, true, true);
    case BPF_JSLE:
      return compareLess(a, b, jmp32, true, false);
    case BPF_JSGT:
      return compareLess(b, a, jmp32, true, true);
    case BPF_JSGE:
      return compareLess(b, a, jmp32, true, false);
    default:
      return -1;
  }
}

/** The fate of `if a op b`. `same`: both operands are one register. */
export function branchOutcome(a: Range, b: Range, op: number, jmp32: boolean, same: boolean): BranchOutcome {
  const plain: Pair = [a, b];
  if (same) return { taken: sameRegister(op, a, jmp32), whenTaken: plain, whenNot: plain };
  if (op === BPF_JSET && !known(a, jmp32) && !known(b, jmp32)) return { taken: -1, whenTaken: plain, whenNot: plain };
  const sure = certain(a, b, op, jmp32);
  if (sure >= 0) return { taken: sure, whenTaken: plain, whenNot: plain };
  // a side on which nothing is possible shows that the other is certain
  const [na, nb] = refine(a, b, NEGATED[op] ?? 0, jmp32);
  const whenNot: Pair = [sync(na), sync(nb)];
  if (isImpossible(whenNot[0]) || isImpossible(whenNot[1])) return { taken: 1, whenTaken: plain, whenNot };
  const [ta, tb] = refine(a, b, op, jmp32);
  const whenTaken: Pair = [sync(ta), sync(tb)];
  if (isImpossible(whenTaken[0]) || isImpossible(whenTaken[1])) return { taken: 0, whenTaken, whenNot };
  return { taken: -1, whenTaken, whenNot };
}
