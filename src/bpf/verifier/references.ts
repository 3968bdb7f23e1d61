// What a path holds and must give back: acquired objects, locks, disabled interrupts, RCU and preemption sections
// (the reference handling of kernel/bpf/verifier.c at v7.2).

import { EINVAL, type Env } from "./env.ts";
import {
  isNonOwning,
  MEM_RCU,
  PTR_MAYBE_NULL,
  PTR_UNTRUSTED,
  UNINIT,
  UNKNOWN_SCALAR,
  withType,
  type Reg,
} from "./reg-state.ts";
import {
  EMPTY_SLOT,
  mapRegs,
  REF_IRQ,
  REF_LOCK_MASK,
  REF_PTR,
  STACK_DYNPTR,
  STACK_ITER,
  STACK_SPILL,
  slotKind,
  type Ref,
} from "./states.ts";

/** Takes a reference at the current instruction; its id. */
export function acquireReference(env: Env, insn: number, parent: number): number {
  const id = env.nextId();
  env.cur.refs = [...env.cur.refs, { type: REF_PTR, id, insn, parent_id: parent, owner: undefined }];
  return id;
}

export function acquireIrq(env: Env, insn: number): number {
  const id = env.nextId();
  env.cur.refs = [...env.cur.refs, { type: REF_IRQ, id, insn, parent_id: 0, owner: undefined }];
  env.cur.activeIrqId = id;
  return id;
}

export function acquireLock(env: Env, type: number, id: number, owner: object | undefined): void {
  const { cur } = env;
  cur.refs = [...cur.refs, { type, id, insn: env.insnIdx, parent_id: 0, owner }];
  cur.activeLocks++;
  cur.activeLockId = id;
  cur.activeLockOwner = owner;
}

export function findLock(env: Env, types: number, id: number, owner: object | undefined): Ref | undefined {
  return env.cur.refs.find((ref) => (ref.type & types) !== 0 && ref.id === id && ref.owner === owner);
}

/** Gives a lock back; the one taken before it becomes the active one. */
export function releaseLock(env: Env, type: number, id: number, owner: object | undefined): boolean {
  const { cur } = env;
  const at = cur.refs.findIndex((ref) => ref.type === type && ref.id === id && ref.owner === owner);
  if (at < 0) return false;
  const before = cur.refs.slice(0, at).findLast((ref) => (ref.type & REF_LOCK_MASK) !== 0);
  cur.refs = cur.refs.filter((_, i) => i !== at);
  cur.activeLocks--;
  cur.activeLockId = before?.id ?? 0;
  cur.activeLockOwner = before?.owner;
  return true;
}

/** Interrupts are enabled in the reverse order of disabling; false when not. */
export function releaseIrq(env: Env, id: number): boolean {
  const { cur } = env;
  if (id !== cur.activeIrqId) return false;
  const at = cur.refs.findIndex((ref) => ref.type === REF_IRQ && ref.id === id);
  const before = cur.refs.slice(0, at).findLast((ref) => ref.type === REF_IRQ);
  cur.refs = cur.refs.filter((_, i) => i !== at);
  cur.activeIrqId = before?.id ?? 0;
  return true;
}

export function findReference(env: Env, id: number): boolean {
  return id !== 0 && env.cur.refs.some((ref) => ref.type === REF_PTR && ref.id === id);
}

export function isReferenced(env: Env, reg: Reg): boolean {
  return findReference(env, reg.id);
}

/** Drops a reference without touching the registers that hold it. */
export function dropReference(env: Env, id: number): void {
  const at = env.cur.refs.findIndex((ref) => ref.type === REF_PTR && ref.id === id);
  if (at >= 0) env.cur.refs = env.cur.refs.filter((_, i) => i !== at);
}

/** Gives object `id` back: every register of it, and of what was derived from it, becomes an unknown scalar. */
export function releaseReference(env: Env, id: number): void {
  const { cur } = env;
  dropReference(env, id);
  const todo = id === 0 ? [] : [id];
  const done = new Set(todo);
  while (todo.length > 0) {
    const at = todo.pop()!;
    const child = cur.refs.find((ref) => ref.type === REF_PTR && ref.parent_id === at);
    if (child !== undefined) {
      env.reject(EINVAL, `Leaking reference id=${child.id} alloc_insn=${child.insn}. Release it first.`);
    }
    const derived = (reg: Reg): boolean => {
      if (reg.id !== at && reg.parent_id !== at) return false;
      if (reg.parent_id === at && reg.id !== 0 && !done.has(reg.id)) {
        done.add(reg.id);
        todo.push(reg.id);
      }
      return true;
    };
    for (const frame of cur.frames) {
      for (let s = 0; s < frame.slots.length; s++) {
        const slot = frame.slots[s];
        if (slotKind(slot) === STACK_DYNPTR && derived(slot.reg)) frame.setSlot(s, EMPTY_SLOT);
      }
    }
    mapRegs(cur, (reg) => (derived(reg) ? UNKNOWN_SCALAR : reg), 1 << STACK_SPILL);
  }
}

/** Pointers to objects of a list or tree do not outlive the lock. */
export function invalidateNonOwning(env: Env): void {
  mapRegs(env.cur, (reg) => (isNonOwning(reg.type) ? UNKNOWN_SCALAR : reg));
}

/** At the end of an RCU section its pointers may still be read, but not be trusted. */
export function invalidateRcu(env: Env): void {
  mapRegs(
    env.cur,
    (reg) => (reg.type & MEM_RCU ? withType(reg, (reg.type & ~(MEM_RCU | PTR_MAYBE_NULL)) | PTR_UNTRUSTED) : reg),
    (1 << STACK_SPILL) | (1 << STACK_ITER),
  );
}

export function inRcuSection(env: Env): boolean {
  return env.cur.activeRcuLocks > 0 || env.cur.activeLocks > 0 || !env.cur.inSleepable;
}

export function maySleepHere(env: Env): boolean {
  const { cur } = env;
  return (
    cur.activeRcuLocks === 0 &&
    cur.activePreemptLocks === 0 &&
    cur.activeLocks === 0 &&
    cur.activeIrqId === 0 &&
    cur.inSleepable
  );
}

/** Why sleeping is not allowed here. */
export function whyNoSleep(env: Env): string {
  const { cur } = env;
  if (cur.activeRcuLocks) return "rcu_read_lock region";
  if (cur.activePreemptLocks) return "non-preemptible region";
  if (cur.activeIrqId) return "IRQ-disabled region";
  if (cur.activeLocks) return "lock region";
  return "non-sleepable prog";
}

/** Refuses to leave with something held; `prefix` names what would leave. */
export function checkResourceLeak(env: Env, exception: boolean, checkLocks: boolean, prefix: string): void {
  const { cur } = env;
  const inside = (held: boolean, what: string): void => {
    if (checkLocks && held) env.reject(EINVAL, `${prefix} cannot be used inside ${what}-ed region`);
  };
  inside(cur.activeLocks > 0, "bpf_spin_lock");
  if (exception || cur.frame.frameno === 0) {
    const returned = env.reg(0).id;
    const structOps = env.type.attach !== undefined && !exception;
    const leaked = cur.refs.filter((ref) => ref.type === REF_PTR && !(structOps && ref.id === returned));
    for (const ref of leaked) env.say(`Unreleased reference id=${ref.id} alloc_insn=${ref.insn}\n`);
    if (leaked.length > 0) env.reject(EINVAL, `${prefix} would lead to reference leak`);
  }
  inside(cur.activeIrqId !== 0, "bpf_local_irq_save");
  inside(cur.activeRcuLocks > 0, "bpf_rcu_read_lock");
  inside(cur.activePreemptLocks > 0, "bpf_preempt_disable");
}

/** Caller-saved registers hold nothing after a call. */
export function clearCallerSaved(env: Env): void {
  const { regs } = env.frame;
  for (let r = 0; r <= 5; r++) {
    regs[r] = UNINIT;
    env.scratchReg(r);
  }
}

/** Arguments passed on the stack are gone after a call. */
export function clearStackArgs(env: Env): void {
  const { frame } = env;
  if (frame.stackArgs.length > 0) frame.stackArgs = frame.stackArgs.map(() => UNINIT);
}
