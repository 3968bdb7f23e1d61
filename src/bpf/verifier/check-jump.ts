// Conditional jumps: which sides are possible, what each learns, null checks, linked registers (check_cond_jmp_op of
// kernel/bpf/verifier.c at v7.2, for a privileged program).

import { BPF_CLASS, BPF_JCOND, BPF_JEQ, BPF_JMP32, BPF_JNE, BPF_OP, BPF_SRC, BPF_X, type Insn } from "../isa/index.ts";
import { markPrecise } from "./backtrack.ts";
import { type Range, sane } from "./bounds.ts";
import { branchOutcome, flipOpcode, type BranchOutcome } from "./branch.ts";
import { immediate, readReg } from "./check-alu.ts";
import { isTrusted, notNull } from "./check-mem.ts";
import { MAX_VAR_OFF } from "./check-stack.ts";
import type { Env } from "./env.ts";
import { previousEntry } from "./prune.ts";
import { sync } from "./range-sync.ts";
import { dropReference, findReference } from "./references.ts";
import {
  ADD_CONST,
  ADD_CONST32,
  baseType,
  cloneReg,
  CONST_PTR_TO_MAP,
  isAllocObject,
  isNonOwning,
  isNull,
  mayBeNull,
  MEM_RCU,
  PTR_TO_BTF_ID,
  PTR_TO_MAP_KEY,
  PTR_TO_MAP_VALUE,
  PTR_TO_MEM,
  PTR_TO_SOCK_COMMON,
  PTR_TO_STACK,
  PTR_UNTRUSTED,
  SCALAR_VALUE,
  UNKNOWN_SCALAR,
  unlinked,
  withRange,
  ZERO_SCALAR,
  type Reg,
} from "./reg-state.ts";
import { addConst, zeroExtend } from "./scalar-alu.ts";
import { HIST_DST_STACK, HIST_SRC_STACK, isSpill, mapRegs, Slot, type LinkedReg, type State } from "./states.ts";
import { fromNumber, isZero, lts } from "./u64.ts";

const FP = 10;
/** The kernel packs that many into a history entry. */
const MOST_LINKED = 5;

/* ---- registers narrowed together ---- */

/** Live registers and slots that share the id of a scalar; those beyond what history holds lose the link. */
function collectLinked(env: Env, state: State, id: number, linked: LinkedReg[]): void {
  const base = id & ~ADD_CONST;
  const belongs = (reg: Reg): boolean => reg.type === SCALAR_VALUE && (reg.id & ~ADD_CONST) === base;
  const take = (frameno: number, index: number, isReg: boolean): boolean => {
    if (linked.length >= MOST_LINKED) return false;
    linked.push({ frameno, index, isReg });
    return true;
  };
  for (let f = state.frames.length - 1; f >= 0; f--) {
    const frame = state.frames[f];
    const liveRegs = env.aux.liveRegs[state.insnOf(f)];
    for (let r = 0; r < FP; r++) {
      if (!(liveRegs & (1 << r)) || !belongs(frame.regs[r])) continue;
      if (!take(f, r, true)) frame.regs[r] = unlinked(frame.regs[r]);
    }
    for (let s = 0; s < frame.slots.length; s++) {
      const slot = frame.slots[s];
      if (!isSpill(slot) || !belongs(slot.reg)) continue;
      if (!take(f, s, false)) frame.setSlot(s, new Slot(unlinked(slot.reg), slot.types));
    }
  }
}

/** `reg` after its link partner became `known`; undefined when they are not linked any more. */
function follow(reg: Reg, known: Reg): Reg | undefined {
  if (reg.type !== SCALAR_VALUE || (reg.id & ~ADD_CONST) !== (known.id & ~ADD_CONST)) return undefined;
  // one added in 32 bits, the other in 64: nothing follows
  if (((reg.id ^ known.id) & ADD_CONST) === ADD_CONST) return undefined;
  if ((!(reg.id & ADD_CONST) && !(known.id & ADD_CONST)) || reg.delta === known.delta) return known;
  let range = addConst(known.range, fromNumber(reg.delta - known.delta));
  if ((reg.id | known.id) & ADD_CONST32) range = zeroExtend(range);
  const out = cloneReg(known);
  out.id = reg.id;
  out.delta = reg.delta;
  out.range = sync(range);
  return out;
}

function syncLinked(env: Env, state: State, known: Reg, linked: readonly LinkedReg[], self: number): void {
  for (const { frameno, index, isReg } of linked) {
    const frame = state.frames[frameno];
    if (isReg) {
      if (frameno === state.curframe && index === self) continue;
      const reg = follow(frame.regs[index], known);
      if (reg === undefined) continue;
      frame.regs[index] = reg;
      env.scratchReg(index);
    } else {
      const slot = frame.slots[index];
      const reg = follow(slot.reg, known);
      if (reg === undefined) continue;
      frame.setSlot(index, new Slot(reg, slot.types));
      env.scratchSlot(index);
    }
  }
}

/* ---- null checks ---- */

/** Pointers that cannot be null whatever their type says. */
function cannotBeNull(env: Env, reg: Reg): boolean {
  if (mayBeNull(reg.type)) return false;
  const { smin, smax } = reg.range;
  if (!lts(fromNumber(-MAX_VAR_OFF), smin) || !lts(smax, fromNumber(MAX_VAR_OFF))) return false;
  switch (baseType(reg.type)) {
    case PTR_TO_SOCK_COMMON:
    case PTR_TO_MAP_VALUE:
    case PTR_TO_MAP_KEY:
    case CONST_PTR_TO_MAP:
      return true;
    case PTR_TO_BTF_ID:
      return isTrusted(env, reg);
    case PTR_TO_MEM:
      return (reg.type & PTR_UNTRUSTED) === 0;
    default:
      return false;
  }
}

function settleNull(reg: Reg, id: number, isNullHere: boolean): Reg {
  if (!mayBeNull(reg.type) || reg.id !== id || (reg.id === 0 && !(reg.type & MEM_RCU))) return reg;
  const atStart = reg.range.isConst && isZero(reg.range.value);
  if (!atStart && !isAllocObject(reg.type) && !isNonOwning(reg.type)) return reg;
  return isNullHere ? ZERO_SCALAR : notNull(reg);
}

/** A null check settles every copy of the pointer. */
function settleNulls(env: Env, state: State, index: number, isNullHere: boolean): void {
  const { id } = state.frame.regs[index];
  if (isNullHere && state.refs.some((ref) => ref.id === id) && id !== 0) {
    if (state === env.cur) {
      if (findReference(env, id)) dropReference(env, id);
    } else {
      state.refs = state.refs.filter((ref) => ref.id !== id);
    }
  }
  mapRegs(state, (reg) => settleNull(reg, id, isNullHere));
}

/* ---- the jump ---- */

function pointerOutcome(env: Env, a: Reg, b: Reg, op: number, jmp32: boolean): BranchOutcome {
  const plain = [a.range, b.range] as const;
  const unsure: BranchOutcome = { taken: -1, whenTaken: plain, whenNot: plain };
  if (jmp32) return unsure;
  let ptr = a;
  let other = b;
  if (!(b.type === SCALAR_VALUE && b.range.isConst)) {
    op = flipOpcode(op);
    [ptr, other] = [b, a];
  }
  if (other.type !== SCALAR_VALUE || !other.range.isConst || !cannotBeNull(env, ptr) || !isZero(other.range.value))
    return unsure;
  if (op === BPF_JEQ) return { ...unsure, taken: 0 };
  return op === BPF_JNE ? { ...unsure, taken: 1 } : unsure;
}

function mayGoto(env: Env, insn: Insn): void {
  const { cur } = env;
  const at = env.insnIdx;
  const previous = cur.parent === undefined ? undefined : previousEntry(env, cur.parent, at);
  const queued = env.pushState(at + 1, at);
  queued.mayGotoDepth++;
  if (previous !== undefined) widenImprecise(previous, queued);
  env.insnIdx += insn.off;
}

/** Scalars that changed since the last round of a loop, and on whose value nothing depends yet, become unknown. */
export function widenImprecise(old: State, cur: State): void {
  const widen = (was: Reg, is: Reg, precise: boolean): Reg => {
    if (was.type !== SCALAR_VALUE || is.type !== SCALAR_VALUE || precise) return is;
    if (was === is) return is;
    const same = was.delta === is.delta && sameRange(was.range, is.range);
    return same ? is : UNKNOWN_SCALAR;
  };
  old.frames.forEach((from, f) => {
    const to = cur.frames[f];
    for (let r = 0; r <= FP; r++) {
      const bit = 1 << r;
      to.regs[r] = widen(from.regs[r], to.regs[r], ((from.preciseRegs | to.preciseRegs) & bit) !== 0);
    }
    const count = Math.min(from.slots.length, to.slots.length);
    for (let s = 0; s < count; s++) {
      const was = from.slots[s];
      const is = to.slots[s];
      if (!isSpill(was) || !isSpill(is)) continue;
      const reg = widen(was.reg, is.reg, from.isPreciseSlot(s) || to.isPreciseSlot(s));
      if (reg !== is.reg) to.setSlot(s, new Slot(reg, is.types));
    }
  });
}

function sameRange(a: Range, b: Range): boolean {
  return (
    a === b ||
    (a.bits.value.hi === b.bits.value.hi &&
      a.bits.value.lo === b.bits.value.lo &&
      a.bits.mask.hi === b.bits.mask.hi &&
      a.bits.mask.lo === b.bits.mask.lo &&
      a.r64.base.hi === b.r64.base.hi &&
      a.r64.base.lo === b.r64.base.lo &&
      a.r64.size.hi === b.r64.size.hi &&
      a.r64.size.lo === b.r64.size.lo &&
      a.r32.base === b.r32.base &&
      a.r32.size === b.r32.size)
  );
}

/** Checks a conditional jump; leaves `env.insnIdx` at the instruction before the one to go on with. */
export function checkCondJump(env: Env, insn: Insn): void {
  const op = BPF_OP(insn.code);
  if (op === BPF_JCOND) return mayGoto(env, insn);
  const { cur } = env;
  const { dst_reg: dst, src_reg: src } = insn;
  const register = BPF_SRC(insn.code) === BPF_X;
  const jmp32 = BPF_CLASS(insn.code) === BPF_JMP32;
  readReg(env, dst);
  let flags = 0;
  if (register && readReg(env, src).type === PTR_TO_STACK) flags |= HIST_SRC_STACK;
  if (env.reg(dst).type === PTR_TO_STACK) flags |= HIST_DST_STACK;
  if (flags !== 0) env.pushHistory(flags, 0, 0, undefined);
  const constant = register ? ZERO_SCALAR : immediate(env, insn);
  const linked: LinkedReg[] = [];
  if (register && env.reg(src).type === SCALAR_VALUE && env.reg(src).id !== 0)
    collectLinked(env, cur, env.reg(src).id, linked);
  if (env.reg(dst).type === SCALAR_VALUE && env.reg(dst).id !== 0) collectLinked(env, cur, env.reg(dst).id, linked);
  const a = env.reg(dst);
  const b = register ? env.reg(src) : constant;
  const scalars = a.type === SCALAR_VALUE && b.type === SCALAR_VALUE;
  const outcome = scalars
    ? branchOutcome(a.range, b.range, op, jmp32, register && dst === src)
    : pointerOutcome(env, a, b, op, jmp32);
  if (outcome.taken >= 0) {
    if (a.type === SCALAR_VALUE) markPrecise(env, dst);
    if (register && b.type === SCALAR_VALUE) markPrecise(env, src);
    if (env.wantsLog) env.traceInsnState(cur, cur.curframe);
    if (outcome.taken === 1) env.insnIdx += insn.off;
    return undefined;
  }
  if (linked.length > 1) env.pushHistory(0, 0, 0, linked);
  const other = env.pushState(env.insnIdx + insn.off + 1, env.insnIdx);
  applyOutcome(env, cur, outcome.whenNot, insn, register, linked, scalars);
  applyOutcome(env, other, outcome.whenTaken, insn, register, linked, scalars);
  if (register && !jmp32) settleEqualPointers(env, cur, other, op, dst, src);
  const nullCompare = register ? isNull(env.reg(src)) : insn.imm === 0;
  if (!jmp32 && (op === BPF_JEQ || op === BPF_JNE) && mayBeNull(env.reg(dst).type) && nullCompare) {
    if (register) markPrecise(env, src);
    settleNulls(env, cur, dst, op === BPF_JNE);
    settleNulls(env, other, dst, op === BPF_JEQ);
  }
  if (env.wantsLog) env.traceInsnState(cur, cur.curframe);
  return undefined;
}

function applyOutcome(
  env: Env,
  state: State,
  ranges: readonly [Range, Range],
  insn: Insn,
  register: boolean,
  linked: readonly LinkedReg[],
  scalars: boolean,
): void {
  const { regs } = state.frame;
  const { dst_reg: dst, src_reg: src } = insn;
  if (scalars) {
    regs[dst] = withRange(regs[dst], sane(ranges[0]));
    if (register) regs[src] = withRange(regs[src], sane(ranges[1]));
  }
  // also beside a pointer, where nothing is learnt
  for (const index of register ? [src, dst] : [dst]) {
    const reg = regs[index];
    if (reg.type === SCALAR_VALUE && reg.id !== 0) syncLinked(env, state, reg, linked, index);
  }
}

/** A pointer that may be null equals one that is not: then it is not null either. */
function settleEqualPointers(env: Env, cur: State, other: State, op: number, dst: number, src: number): void {
  const a = cur.frame.regs[dst];
  const b = cur.frame.regs[src];
  if (a.type === SCALAR_VALUE || b.type === SCALAR_VALUE) return;
  if (baseType(a.type) === PTR_TO_BTF_ID || baseType(b.type) === PTR_TO_BTF_ID) return;
  const equal = op === BPF_JEQ ? other : op === BPF_JNE ? cur : undefined;
  if (equal === undefined) return;
  const { regs } = equal.frame;
  if (cannotBeNull(env, a) && mayBeNull(b.type)) regs[src] = notNull(regs[src]);
  if (cannotBeNull(env, b) && mayBeNull(a.type)) regs[dst] = notNull(regs[dst]);
}
