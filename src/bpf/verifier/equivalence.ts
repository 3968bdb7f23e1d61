// Whether a state adds nothing to one seen before: regsafe(), stacksafe() and refsafe() of kernel/bpf/states.c at v7.2.

import { rangeEqual, rangeIn } from "./bounds.ts";
import type { Env } from "./env.ts";
import {
  ADD_CONST,
  baseType,
  NOT_INIT,
  PTR_TO_ARENA,
  PTR_TO_MAP_KEY,
  PTR_TO_MAP_VALUE,
  PTR_TO_MEM,
  PTR_TO_STACK,
  sameButIds,
  sameReferent,
  SCALAR_VALUE,
  UNINIT,
  UNKNOWN_SCALAR,
  type Reg,
} from "./reg-state.ts";
import {
  EMPTY_SLOT,
  fillTypes,
  REF_LOCK_MASK,
  REF_PTR,
  SLOT_SIZE,
  STACK_DYNPTR,
  STACK_INVALID,
  STACK_IRQ_FLAG,
  STACK_ITER,
  STACK_MISC,
  STACK_POISON,
  STACK_SPILL,
  typeAt,
  type Frame,
  type Slot,
  type State,
} from "./states.ts";

/** How strictly two states are compared. */
export const NOT_EXACT = 0;
export const EXACT = 1;
export const RANGE_WITHIN = 2;

const REGS = 11;

/** Ids of the old state and the ids that stand for them in the new one. */
class IdMap {
  readonly #old: number[] = [];
  readonly #cur: number[] = [];
  #count = 0;
  #temporary = 0;

  /** Forgets all pairs; ids above `lastId` are free. */
  reset(lastId: number): void {
    this.#count = 0;
    this.#temporary = lastId;
  }

  check(old: number, cur: number): boolean {
    if (old === 0 || cur === 0) return old === cur;
    for (let i = 0; i < this.#count; i++) {
      if (this.#old[i] === old) return this.#cur[i] === cur;
      if (this.#cur[i] === cur) return false;
    }
    this.#old[this.#count] = old;
    this.#cur[this.#count++] = cur;
    return true;
  }

  /** Scalars: an old one without id relies on no link; a new one without id gets one of its own. */
  checkScalar(old: number, cur: number): boolean {
    if (old === 0) return true;
    const own = cur === 0 ? ++this.#temporary : cur;
    if (!this.check(old, own)) return false;
    return !(old & ADD_CONST) || this.check(old & ~ADD_CONST, own & ~ADD_CONST);
  }
}

/** Used over and over: comparisons do not nest. */
const IDS: IdMap = new IdMap();

function regExact(old: Reg, cur: Reg, ids: IdMap): boolean {
  return sameButIds(old, cur) && ids.check(old.id, cur.id) && ids.check(old.parent_id, cur.parent_id);
}

function scalarSafe(old: Reg, cur: Reg, precise: boolean, ids: IdMap, level: number): boolean {
  if (!precise && level === NOT_EXACT) return true;
  if (old.id !== 0 && (old.id & ADD_CONST) !== (cur.id & ADD_CONST)) return false;
  if (old.id & ADD_CONST && old.delta !== cur.delta) return false;
  return ids.checkScalar(old.id, cur.id) && rangeIn(old.range, cur.range);
}

/** One register, and no ids that would have to stand for themselves: it is as safe as itself. */
const isSame = (old: Reg, cur: Reg): boolean => old === cur && old.id === 0 && old.parent_id === 0;

/** Whether all that was shown with `old` holds with `cur` as well. */
function regSafe(old: Reg, cur: Reg, precise: boolean, ids: IdMap, level: number): boolean {
  if (isSame(old, cur)) return true;
  if (level === EXACT) return regExact(old, cur, ids);
  if (old.type === NOT_INIT) return true;
  if (old.type !== cur.type) return false;
  switch (baseType(old.type)) {
    case SCALAR_VALUE:
      return scalarSafe(old, cur, precise, ids, level);
    case PTR_TO_MAP_KEY:
    case PTR_TO_MAP_VALUE:
    case PTR_TO_MEM:
      return (
        sameReferent(old, cur) &&
        rangeIn(old.range, cur.range) &&
        ids.check(old.id, cur.id) &&
        ids.check(old.parent_id, cur.parent_id)
      );
    case PTR_TO_STACK:
      return regExact(old, cur, ids) && old.frameno === cur.frameno;
    case PTR_TO_ARENA:
      return true;
    default:
      return regExact(old, cur, ids);
  }
}

function isFree(type: number): boolean {
  return type === STACK_INVALID || type === STACK_POISON;
}

/** The scalar bytes `from`.. of a slot stand for, if they are one. */
function scalarOf(slot: Slot, from: number): Reg | undefined {
  if (typeAt(slot.types, from) === STACK_SPILL && slot.reg.type === SCALAR_VALUE) return slot.reg;
  for (let i = from; i < SLOT_SIZE; i++) {
    const type = typeAt(slot.types, i);
    if (type !== STACK_MISC && !isFree(type)) return undefined;
  }
  return UNKNOWN_SCALAR;
}

function objectSafe(kind: number, old: Reg, cur: Reg, precise: boolean, ids: IdMap, level: number): boolean {
  switch (kind) {
    case STACK_SPILL:
      return regSafe(old, cur, precise, ids, level);
    case STACK_DYNPTR:
      return (
        old.num === cur.num &&
        old.state === cur.state &&
        ids.check(old.id, cur.id) &&
        ids.check(old.parent_id, cur.parent_id)
      );
    case STACK_ITER:
      return (
        old.type === cur.type &&
        old.btf === cur.btf &&
        old.num === cur.num &&
        old.state === cur.state &&
        ids.check(old.id, cur.id)
      );
    case STACK_IRQ_FLAG:
      return ids.check(old.id, cur.id) && old.num === cur.num;
    default:
      return true;
  }
}

const ALL_FREE = fillTypes(STACK_INVALID);
const ALL_POISON = fillTypes(STACK_POISON);
const ALL_MISC = fillTypes(STACK_MISC);

function slotSafe(old: Slot, cur: Slot | undefined, precise: boolean, ids: IdMap, level: number): boolean {
  if (old === cur && isSame(old.reg, cur.reg)) return true;
  const there = cur ?? EMPTY_SLOT;
  for (let i = 0; i < SLOT_SIZE; i++) {
    const oldType = typeAt(old.types, i);
    const curType = typeAt(there.types, i);
    if (level === EXACT) {
      const settle = (type: number): number => (type === STACK_POISON ? STACK_INVALID : type);
      if (cur === undefined || settle(oldType) !== settle(curType)) return false;
    }
    // nothing is known of such bytes, so nothing can have been relied on
    if (isFree(oldType) || oldType === STACK_MISC) continue;
    if (cur === undefined) return false;
    if (i === 0 || i === 4) {
      const oldScalar = scalarOf(old, i);
      const curScalar = oldScalar === undefined ? undefined : scalarOf(cur, i);
      if (oldScalar !== undefined && curScalar !== undefined) {
        if (!regSafe(oldScalar, curScalar, precise && oldScalar === old.reg, ids, level)) return false;
        i += i === 0 ? SLOT_SIZE - 1 : 3;
        continue;
      }
    }
    if (oldType !== curType) return false;
    if (i === SLOT_SIZE - 1 && !objectSafe(oldType, old.reg, cur.reg, precise, ids, level)) return false;
  }
  return true;
}

function stackSafe(old: Frame, cur: Frame, ids: IdMap, level: number): boolean {
  for (let s = 0; s < old.slots.length; s++) {
    const slot = old.slots[s];
    if (level !== EXACT && (slot.types === ALL_FREE || slot.types === ALL_POISON || slot.types === ALL_MISC)) continue;
    if (!slotSafe(slot, cur.slots[s], old.isPreciseSlot(s), ids, level)) return false;
  }
  return true;
}

function stackArgsSafe(old: Frame, cur: Frame, ids: IdMap, level: number): boolean {
  const count = Math.max(old.stackArgs.length, cur.stackArgs.length);
  for (let i = 0; i < count; i++) {
    const precise = (old.preciseArgs & (1 << i)) !== 0;
    if (!regSafe(old.stackArgs[i] ?? UNINIT, cur.stackArgs[i] ?? UNINIT, precise, ids, level)) return false;
  }
  return true;
}

function refsSafe(old: State, cur: State, ids: IdMap): boolean {
  if (old.refs.length !== cur.refs.length || old.activeLocks !== cur.activeLocks) return false;
  if (old.activePreemptLocks !== cur.activePreemptLocks || old.activeRcuLocks !== cur.activeRcuLocks) return false;
  if (!ids.check(old.activeIrqId, cur.activeIrqId)) return false;
  if (!ids.check(old.activeLockId, cur.activeLockId) || old.activeLockOwner !== cur.activeLockOwner) return false;
  if (old.refs.length === 0) return true;
  return old.refs.every((ref, i) => {
    const other = cur.refs[i];
    if (!ids.check(ref.id, other.id) || ref.type !== other.type) return false;
    if (ref.type === REF_PTR) return ids.check(ref.parent_id, other.parent_id);
    return !(ref.type & REF_LOCK_MASK) || ref.owner === other.owner;
  });
}

function frameSafe(env: Env, old: Frame, cur: Frame, at: number, ids: IdMap, level: number): boolean {
  if (old.callbackDepth > cur.callbackDepth) return false;
  if (!old.noStackArgLoad && cur.noStackArgLoad) return false;
  const liveRegs = env.aux.liveRegs[at];
  for (let r = 0; r < REGS; r++) {
    if (!(liveRegs & (1 << r))) continue;
    if (!regSafe(old.regs[r], cur.regs[r], (old.preciseRegs & (1 << r)) !== 0, ids, level)) return false;
  }
  return stackSafe(old, cur, ids, level) && stackArgsSafe(old, cur, ids, level);
}

/** Whether walking on from `cur` can show nothing that walking on from `old` did not. */
export function statesEqual(env: Env, old: State, cur: State, level: number): boolean {
  if (old.frames.length !== cur.frames.length || old.inSleepable !== cur.inSleepable) return false;
  const ids = IDS;
  ids.reset(env.idGen);
  if (!refsSafe(old, cur, ids)) return false;
  for (let i = 0; i < old.frames.length; i++) {
    const a = old.frames[i];
    const b = cur.frames[i];
    if (a.callsite !== b.callsite || !frameSafe(env, a, b, old.insnOf(i), ids, level)) return false;
  }
  return true;
}

/** A quick look whether the innermost registers are all the same: the sign of a loop that goes nowhere. */
export function mayLoop(old: State, cur: State): boolean {
  if (old.frames.length !== cur.frames.length) return false;
  const a = old.frame.regs;
  const b = cur.frame.regs;
  for (let r = 0; r < REGS; r++) {
    const x = a[r];
    const y = b[r];
    if (x === y) continue;
    if (!sameReferent(x, y) || !rangeEqual(x.range, y.range) || x.id !== y.id || x.parent_id !== y.parent_id)
      return false;
  }
  return true;
}
