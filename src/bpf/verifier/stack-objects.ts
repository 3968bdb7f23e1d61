// Objects that live in the program's stack under the verifier's eye: dynptrs (two slots), iterators, saved interrupt flags
// (the *_stack_slots_* family of kernel/bpf/verifier.c at v7.2).

import type { Btf } from "../btf/index.ts";
import { EACCES, EINVAL, type Env } from "./env.ts";
import { acquireIrq, acquireReference, inRcuSection, releaseIrq, releaseReference } from "./references.ts";
import {
  cloneReg,
  CONST_PTR_TO_DYNPTR,
  DYNPTR_RINGBUF,
  ITER_ACTIVE,
  MEM_RCU,
  pointer,
  PTR_TO_STACK,
  PTR_UNTRUSTED,
  type Reg,
} from "./reg-state.ts";
import {
  EMPTY_SLOT,
  fillTypes,
  slotIndex,
  Slot,
  STACK_DYNPTR,
  STACK_IRQ_FLAG,
  STACK_ITER,
  typeAt,
  type Frame,
} from "./states.ts";
import { toNumber } from "./u64.ts";

/** The slot does not exist yet. */
const BEYOND = -2;
const WRONG = -1;

export function frameOf(env: Env, reg: Reg): Frame {
  return env.cur.frames[reg.frameno];
}

/** Index of the first slot of an object of `count` slots, WRONG (said why) or BEYOND. */
function objectSlot(env: Env, reg: Reg, kind: string, count: number): number {
  if (!reg.range.isConst) {
    env.say(`${kind} has to be at a constant offset\n`);
    return WRONG;
  }
  const off = toNumber(reg.range.value);
  if (off >= 0 || off % 8 !== 0) {
    env.say(`cannot pass in ${kind} at an offset=${off}\n`);
    return WRONG;
  }
  const slot = slotIndex(off);
  if (slot + 1 < count) {
    env.say(`cannot pass in ${kind} at an offset=${off}\n`);
    return WRONG;
  }
  return slot < frameOf(env, reg).slots.length ? slot : BEYOND;
}

function allOf(slot: Slot | undefined, type: number): boolean {
  return slot !== undefined && slot.types === fillTypes(type);
}

function anyOf(slot: Slot | undefined, type: number): boolean {
  if (slot === undefined) return false;
  for (let i = 0; i < 8; i++) if (typeAt(slot.types, i) === type) return true;
  return false;
}

/* ---- dynptrs ---- */

/** Kinds whose memory must be given back. */
function dynptrIsReferenced(kind: number): boolean {
  return kind === DYNPTR_RINGBUF;
}

export function dynptrReg(kind: number, first: boolean, id: number, parent: number): Reg {
  const reg = pointer(CONST_PTR_TO_DYNPTR);
  reg.num = kind;
  reg.state = first ? 1 : 0;
  reg.id = id;
  reg.parent_id = parent;
  return reg;
}

/** Overwriting a slot of a dynptr ends the dynptr. */
export function destroyDynptr(env: Env, frame: Frame, at: number): void {
  let slot = frame.slots[at];
  if (slot === undefined || typeAt(slot.types, 0) !== STACK_DYNPTR) return;
  if (slot.reg.state === 0) {
    at++;
    slot = frame.slots[at]!;
  }
  if (dynptrIsReferenced(slot.reg.num)) {
    const parent = slot.reg.parent_id;
    let clones = 0;
    for (const other of env.cur.frames) {
      for (const each of other.slots) {
        if (typeAt(each.types, 0) === STACK_DYNPTR && each.reg.state === 1 && each.reg.parent_id === parent) clones++;
      }
    }
    if (clones <= 1) env.reject(EINVAL, "cannot overwrite referenced dynptr");
  }
  releaseReference(env, slot.reg.id);
  env.scratchSlot(at);
  env.scratchSlot(at - 1);
}

/** Whether a new dynptr can be made there. */
export function dynptrFits(env: Env, reg: Reg): boolean {
  return reg.type !== CONST_PTR_TO_DYNPTR && objectSlot(env, reg, "dynptr", 2) !== WRONG;
}

/** The dynptr behind an argument, or undefined when there is none. */
export function dynptrAt(env: Env, reg: Reg): Reg | undefined {
  if (reg.type === CONST_PTR_TO_DYNPTR) return reg;
  const at = objectSlot(env, reg, "dynptr", 2);
  if (at < 0) return undefined;
  const { slots } = frameOf(env, reg);
  const first = slots[at];
  if (first.reg.state !== 1 || !allOf(first, STACK_DYNPTR) || !allOf(slots[at - 1], STACK_DYNPTR)) return undefined;
  env.scratchSlot(at);
  env.scratchSlot(at - 1);
  return first.reg;
}

/** Makes a dynptr; `parent` is the object it was made from, or what a clone's original belongs to. */
export function makeDynptr(env: Env, reg: Reg, kind: number, insn: number, parent: number, clone: boolean): void {
  const at = objectSlot(env, reg, "dynptr", 2);
  if (at < 0) env.refuse(EINVAL);
  const frame = frameOf(env, reg);
  destroyDynptr(env, frame, at);
  destroyDynptr(env, frame, at - 1);
  const owner = !clone && dynptrIsReferenced(kind) ? acquireReference(env, insn, parent) : parent;
  const id = env.nextId();
  frame.setSlot(at, new Slot(dynptrReg(kind, true, id, owner), fillTypes(STACK_DYNPTR)));
  frame.setSlot(at - 1, new Slot(dynptrReg(kind, false, id, owner), fillTypes(STACK_DYNPTR)));
}

/** Gives the dynptr in an argument back. */
export function releaseDynptr(env: Env, reg: Reg): void {
  const at = objectSlot(env, reg, "dynptr", 2);
  if (at < 0) env.refuse(EINVAL);
  const held = frameOf(env, reg).slots[at].reg;
  releaseReference(env, dynptrIsReferenced(held.num) ? held.parent_id : held.id);
}

/* ---- iterators ---- */

/** Whether a new iterator of `count` slots can be made there. */
export function iterFits(env: Env, reg: Reg, count: number): boolean {
  const at = objectSlot(env, reg, "iter", count);
  if (at < 0) return at === BEYOND;
  const { slots } = frameOf(env, reg);
  for (let i = 0; i < count; i++) if (anyOf(slots[at - i], STACK_ITER)) return false;
  return true;
}

export function makeIter(env: Env, reg: Reg, insn: number, btf: Btf, btfId: number, count: number, rcu: boolean): void {
  const at = objectSlot(env, reg, "iter", count);
  if (at < 0) env.refuse(EINVAL);
  const frame = frameOf(env, reg);
  const id = acquireReference(env, insn, 0);
  for (let i = 0; i < count; i++) {
    const trust = !rcu ? 0 : inRcuSection(env) ? MEM_RCU : PTR_UNTRUSTED;
    const iter = pointer(PTR_TO_STACK | trust);
    iter.id = i === 0 ? id : 0;
    iter.btf = btf;
    iter.num = btfId;
    iter.state = ITER_ACTIVE;
    frame.setSlot(at - i, new Slot(iter, fillTypes(STACK_ITER)));
    env.scratchSlot(at - i);
  }
}

/** Where the iterator in an argument is: its slot, "rcu" when its RCU section is over, or undefined when there is none. */
export function iterAt(env: Env, reg: Reg, btf: Btf, btfId: number, count: number): number | "rcu" | undefined {
  const at = objectSlot(env, reg, "iter", count);
  if (at < 0) return undefined;
  const { slots } = frameOf(env, reg);
  for (let i = 0; i < count; i++) {
    const slot = slots[at - i];
    if (slot.reg.type & PTR_UNTRUSTED && anyOf(slot, STACK_ITER)) return "rcu";
    if ((i === 0) !== (slot.reg.id !== 0)) return undefined;
    if (slot.reg.btf !== btf || slot.reg.num !== btfId || !allOf(slot, STACK_ITER)) return undefined;
  }
  for (let i = 0; i < count; i++) env.scratchSlot(at - i);
  return at;
}

export function destroyIter(env: Env, reg: Reg, at: number, count: number): void {
  const frame = frameOf(env, reg);
  releaseReference(env, frame.slots[at].reg.id);
  for (let i = 0; i < count; i++) {
    frame.setSlot(at - i, EMPTY_SLOT);
    env.scratchSlot(at - i);
  }
}

/** Replaces an iterator's state. */
export function setIter(frame: Frame, at: number, state: number, depth: number): void {
  const slot = frame.slots[at];
  const iter = cloneReg(slot.reg);
  iter.state = state;
  iter.depth = depth;
  frame.setSlot(at, new Slot(iter, slot.types));
}

/* ---- saved interrupt flags ---- */

export function irqFlagFits(env: Env, reg: Reg): boolean {
  const at = objectSlot(env, reg, "irq_flag", 1);
  if (at < 0) return at === BEYOND;
  return !anyOf(frameOf(env, reg).slots[at], STACK_IRQ_FLAG);
}

/** `lock`: saved by a lock rather than by bpf_local_irq_save(). */
export function saveIrqFlag(env: Env, reg: Reg, lock: boolean): void {
  const at = objectSlot(env, reg, "irq_flag", 1);
  if (at < 0) env.refuse(EINVAL);
  const flag = pointer(PTR_TO_STACK);
  flag.id = acquireIrq(env, env.insnIdx);
  flag.num = lock ? 1 : 0;
  frameOf(env, reg).setSlot(at, new Slot(flag, fillTypes(STACK_IRQ_FLAG)));
  env.scratchSlot(at);
}

export function hasIrqFlag(env: Env, reg: Reg): boolean {
  const at = objectSlot(env, reg, "irq_flag", 1);
  if (at < 0) return false;
  const slot = frameOf(env, reg).slots[at];
  return slot.reg.id !== 0 && allOf(slot, STACK_IRQ_FLAG);
}

export function restoreIrqFlag(env: Env, reg: Reg, lock: boolean): void {
  const at = objectSlot(env, reg, "irq_flag", 1);
  const frame = frameOf(env, reg);
  const flag = frame.slots[at].reg;
  if ((flag.num === 1) !== lock) {
    const name = (byLock: boolean): string => (byLock ? "lock" : "native");
    env.reject(EINVAL, `irq flag acquired by ${name(!lock)} kfuncs cannot be restored with ${name(lock)} kfuncs`);
  }
  if (!releaseIrq(env, flag.id)) {
    const { activeIrqId, refs } = env.cur;
    const insn = refs.find((ref) => ref.id === activeIrqId)?.insn ?? 0;
    env.reject(
      EACCES,
      `cannot restore irq state out of order, expected id=${activeIrqId} acquired at insn_idx=${insn}`,
    );
  }
  frame.setSlot(at, EMPTY_SLOT);
  env.scratchSlot(at);
}
