// Calls of kernel functions: arguments, locks and sections they open or close, iterators, what they return
// (check_kfunc_call of kernel/bpf/verifier.c at v7.2, for a privileged program).

import type { BtfType } from "../btf/index.ts";
import type { Insn } from "../isa/index.ts";
import { Range, UNKNOWN } from "./bounds.ts";
import { kindName, isInteger, sizeOf } from "./check-btf.ts";
import { checkReturn, exitProgram, needStackArgs, pushCallback } from "./check-call.ts";
import { taskWorkCallback, timerCallback } from "./callbacks.ts";
import {
  addsToTree,
  asNonOwning,
  dropsObject,
  giveToRoot,
  inTreeCallback,
  isNodeName,
  linksObject,
  makesObject,
  objectResult,
  recordOf,
  sharesObject,
  treeCallback,
} from "./check-graph.ts";
import { widenImprecise } from "./check-jump.ts";
import { cnum32FromS, cnum64FromS } from "./cnum.ts";
import { EACCES, EFAULT, EINVAL, type Env } from "./env.ts";
import { checkKfuncArgs, type KfuncCall } from "./kfunc-args.ts";
import { ITER_NEXT } from "./insn-aux.ts";
import { kfuncMeta } from "./kfunc-meta.ts";
import {
  KF_ACQUIRE,
  KF_DESTRUCTIVE,
  KF_ITER_NEXT,
  KF_RCU_PROTECTED,
  KF_RELEASE,
  KF_RET_NULL,
  KF_SLEEPABLE,
  UNMODELLED_KFUNCS,
  type KfuncMeta,
} from "./kfuncs.ts";
import {
  BPF_PROG_TYPE_RAW_TRACEPOINT,
  BPF_PROG_TYPE_SOCKET_FILTER,
  BPF_PROG_TYPE_STRUCT_OPS,
  BPF_PROG_TYPE_SYSCALL,
} from "./prog-types.ts";
import { previousEntry } from "./prune.ts";
import { sync } from "./range-sync.ts";
import { hasField } from "./record.ts";
import {
  acquireReference,
  clearStackArgs,
  inRcuSection,
  invalidateRcu,
  isReferenced,
  maySleepHere,
  releaseReference,
  whyNoSleep,
} from "./references.ts";
import {
  isNull,
  ITER_ACTIVE,
  ITER_DRAINED,
  MEM_RCU,
  MEM_RDONLY,
  mayBeNull,
  pointer,
  PTR_MAYBE_NULL,
  PTR_TO_BTF_ID,
  PTR_TO_MEM,
  PTR_TRUSTED,
  PTR_UNTRUSTED,
  scalar,
  UNINIT,
  UNKNOWN_SCALAR,
  withType,
  ZERO_SCALAR,
  type Reg,
} from "./reg-state.ts";
import { releaseDynptr, setIter } from "./stack-objects.ts";
import { sameCallsites } from "./states.ts";
import { fromS32 } from "./u64.ts";

const MAX_ERRNO = 4095;

/** Kfuncs that may be called while a spin lock is held. */
export function allowedUnderLock(env: Env, insn: Insn): boolean {
  return (
    insn.off === 0 &&
    /^bpf_(list_|rbtree_|refcount_acquire|iter_num_|res_spin_|arena_|stream_)/.test(env.kfuncName(insn.imm))
  );
}

/** What a call of a poisoned kfunc is: the loader could not find it. */
function findMeta(env: Env, insn: Insn): KfuncMeta {
  const meta = kfuncMeta(env, insn);
  if (meta !== undefined) return meta;
  const name = env.target.nameOf(insn.imm);
  if (!env.kfuncs.has(name)) return env.reject(EACCES, `calling kernel function ${name} is not allowed`);
  return env.reject(EINVAL, `kernel function btf_id ${insn.imm} does not have a valid func_proto`);
}

const isResLock = (name: string): boolean => name === "bpf_res_spin_lock" || name === "bpf_res_spin_lock_irqsave";

/** Taking a resilient lock may fail: the path on which it does. */
function pushFailedLock(env: Env): void {
  const branch = env.pushState(env.insnIdx + 1, env.insnIdx);
  const { regs } = branch.frame;
  for (let r = 1; r <= 5; r++) regs[r] = UNINIT;
  const range = new Range(UNKNOWN.bits, cnum64FromS(fromS32(-MAX_ERRNO), fromS32(-1)), cnum32FromS(-MAX_ERRNO, -1));
  regs[0] = scalar(sync(range));
}

function changeSections(env: Env, name: string): void {
  const { cur } = env;
  switch (name) {
    case "bpf_rcu_read_lock":
      cur.activeRcuLocks++;
      return;
    case "bpf_rcu_read_unlock":
      if (cur.activeRcuLocks === 0) env.reject(EINVAL, `unmatched rcu read unlock (kernel function ${name})`);
      if (--cur.activeRcuLocks === 0) invalidateRcu(env);
      return;
    case "bpf_preempt_disable":
      cur.activePreemptLocks++;
      return;
    case "bpf_preempt_enable":
      if (cur.activePreemptLocks === 0) {
        env.reject(EINVAL, `unmatched attempt to enable preemption (kernel function ${name})`);
      }
      cur.activePreemptLocks--;
      return;
    default:
  }
}

function releaseArg(env: Env, call: KfuncCall): void {
  const reg = env.reg(call.releaseReg);
  if (isNull(reg)) return;
  if (call.dynptr !== undefined) return releaseDynptr(env, reg);
  if (isReferenced(env, reg)) return releaseReference(env, reg.id);
  return env.refuse(EINVAL);
}

/** An object cannot be dropped where any code may have been interrupted, when dropping it drops others. */
function checkDropHere(env: Env, call: KfuncCall): void {
  if (!dropsObject(call.meta.name) || !env.type.tracing || call.objectBtf !== env.btf) return;
  const fields = env.objects.get(call.objectId) ?? [];
  if (!hasField(fields, "kptr", "percpu_kptr", "bpf_list_head", "bpf_list_node", "bpf_rb_root", "bpf_rb_node")) return;
  env.reject(EINVAL, `${call.meta.name} cannot be used in tracing programs on types with NMI unsafe fields`);
}

function pushCallbacks(env: Env, call: KfuncCall): void {
  const { name } = call.meta;
  if (addsToTree(name)) pushCallback(env, call.subprog, treeCallback(env, call.root!), false);
  else if (name === "bpf_wq_set_callback") pushCallback(env, call.subprog, timerCallback(env), true);
  else if (name.startsWith("bpf_task_work_schedule_")) pushCallback(env, call.subprog, taskWorkCallback(call), true);
}

/* ---- results ---- */

function specialPointer(env: Env, call: KfuncCall): Reg | undefined {
  const { name } = call.meta;
  if (name === "bpf_rdonly_cast") {
    const id = Number(call.constant ?? 0n);
    if (id >= env.target.nrTypes) return env.reject(EINVAL, `Unknown type ID ${id} passed to kfunc bpf_rdonly_cast`);
    const type = env.target.type(id);
    if (type.kind === "VOID") return pointer(PTR_TO_MEM | MEM_RDONLY | PTR_UNTRUSTED);
    if (type.kind !== "STRUCT" && type.kind !== "UNION") {
      env.reject(EINVAL, "kfunc bpf_rdonly_cast type ID argument must be of a struct or void");
    }
    const reg = pointer(PTR_TO_BTF_ID | PTR_UNTRUSTED);
    reg.btf = env.target;
    reg.num = id;
    return reg;
  }
  if (name === "bpf_cast_to_kern_ctx") return kernelContext(env);
  if (name === "bpf_dynptr_slice" || name === "bpf_dynptr_slice_rdwr") {
    const readonly = name === "bpf_dynptr_slice";
    const reg = pointer(PTR_TO_MEM | (readonly ? MEM_RDONLY : 0));
    reg.num = Number(call.constant ?? 0n);
    // no program type modelled here may write to packets
    if (!readonly) env.reject(EINVAL, "the prog does not allow writes to packet data");
    reg.parent_id = call.dynptr?.id ?? 0;
    return reg;
  }
  return undefined;
}

/** Types of program as struct bpf_ctx_convert names them. */
const CONTEXT_TYPES: Readonly<Record<number, string>> = {
  [BPF_PROG_TYPE_SOCKET_FILTER]: "SOCKET_FILTER",
  [BPF_PROG_TYPE_RAW_TRACEPOINT]: "RAW_TRACEPOINT",
  [BPF_PROG_TYPE_STRUCT_OPS]: "STRUCT_OPS",
  [BPF_PROG_TYPE_SYSCALL]: "SYSCALL",
};

/** What the kernel itself sees as the context, where that is a struct. */
function kernelContext(env: Env): Reg {
  const convert = env.target.findByName("bpf_ctx_convert", "STRUCT");
  const struct = convert === undefined ? undefined : env.target.type(convert);
  const members = struct?.kind === "STRUCT" ? struct.members : [];
  const type = CONTEXT_TYPES[env.type.type];
  const member = members.find(({ name }) => name === `BPF_PROG_TYPE_${type}_kern`);
  if (member === undefined) return env.notModelled("bpf_cast_to_kern_ctx() for this type of program");
  if (env.target.kind(member.type) !== "STRUCT") {
    env.reject(EINVAL, `kern ctx type id ${member.type} is not a struct`);
  }
  const reg = pointer(PTR_TO_BTF_ID | PTR_TRUSTED);
  reg.btf = env.target;
  reg.num = member.type;
  return reg;
}

function memoryResult(env: Env, call: KfuncCall, id: number, type: BtfType): Reg {
  let size = Number(call.resultSize);
  let readonly = call.resultReadonly;
  if (size === 0) {
    // a size argument of 0 counts as none: one object of the declared type, read-only
    size = sizeOf(env.target, id) ?? 0;
    readonly = true;
  }
  if (size === 0) {
    env.reject(
      EINVAL,
      `kernel function ${call.meta.name} returns pointer type ${kindName(type)} ${type.name} is not supported`,
    );
  }
  const rcu = call.meta.flags & KF_RCU_PROTECTED ? MEM_RCU : 0;
  const reg = pointer(PTR_TO_MEM | (readonly ? MEM_RDONLY : 0) | rcu);
  reg.num = size;
  reg.parent_id = call.refId;
  return reg;
}

function structResult(env: Env, call: KfuncCall, id: number): Reg {
  const { flags, name } = call.meta;
  const iterRcu =
    (flags & KF_ITER_NEXT) !== 0 && (env.cur.frames[call.iterFrame].slots[call.iterSlot].reg.type & MEM_RCU) !== 0;
  let trust = PTR_TRUSTED;
  if (name === "bpf_get_kmem_cache") trust = PTR_UNTRUSTED;
  else if (flags & KF_RCU_PROTECTED || iterRcu) trust = MEM_RCU;
  const reg = pointer(PTR_TO_BTF_ID | trust);
  reg.btf = env.target;
  reg.num = id;
  return reg;
}

function pointerResult(env: Env, call: KfuncCall, pointee: number): Reg {
  const { flags } = call.meta;
  const id = env.target.skipModifiers(pointee);
  const type = env.target.type(id);
  const struct = type.kind === "STRUCT" ? type.name : "";
  let reg = objectResult(env, call, call.meta.name, call.constant ?? 0n, struct) ?? specialPointer(env, call);
  if (reg === undefined) {
    if (type.kind === "VOID") reg = scalar(UNKNOWN);
    else if (type.kind === "STRUCT" || type.kind === "UNION") reg = structResult(env, call, id);
    else reg = memoryResult(env, call, id, type);
  }
  if (flags & KF_RET_NULL && !call.ownsObject) {
    reg = withType(reg, reg.type | PTR_MAYBE_NULL);
    reg.id = env.nextId();
  }
  if (flags & KF_ACQUIRE) {
    reg = withType(reg, reg.type);
    reg.id = acquireReference(env, env.insnIdx, 0);
  } else if (isNodeName(struct)) {
    reg = asNonOwning(env, reg);
  }
  if (reg.id === 0 && hasField(recordOf(env, reg), "bpf_spin_lock", "bpf_res_spin_lock")) reg.id = env.nextId();
  return reg;
}

function setResult(env: Env, call: KfuncCall): void {
  const { proto, flags, name } = call.meta;
  const type = env.target.resolved(proto.type);
  if (flags & KF_ACQUIRE) {
    const behind = type.kind === "PTR" ? env.target.resolved(type.type) : undefined;
    const own = makesObject(name) || sharesObject(name);
    if (!own && behind?.kind !== "STRUCT" && behind?.kind !== "UNION") {
      env.reject(EINVAL, "acquire kernel function does not return PTR_TO_BTF_ID");
    }
  }
  if (isInteger(type)) env.setReg(0, isResLock(name) ? ZERO_SCALAR : UNKNOWN_SCALAR);
  else if (type.kind === "PTR") env.setReg(0, pointerResult(env, call, type.type));
}

/* ---- iterators ---- */

/** The next element, or none: two paths; the one with an element goes around the loop again. */
function iterNext(env: Env, call: KfuncCall): void {
  const { cur } = env;
  const at = env.insnIdx;
  const slot = cur.frames[call.iterFrame].slots[call.iterSlot];
  if (slot.reg.state === ITER_ACTIVE) {
    const { parent } = cur;
    if (parent === undefined || parent.insnIdx !== at || !sameCallsites(parent, cur)) {
      return env.reject(EFAULT, "verifier bug: bad parent state for iter next call");
    }
    const previous = previousEntry(env, parent, at);
    const queued = env.pushState(at + 1, at);
    setIter(queued.frames[call.iterFrame], call.iterSlot, ITER_ACTIVE, slot.reg.depth + 1);
    if (previous !== undefined) widenImprecise(previous, queued);
    const r0 = queued.frame.regs[0];
    if (mayBeNull(r0.type)) queued.frame.regs[0] = withType(r0, r0.type & ~PTR_MAYBE_NULL);
  }
  setIter(cur.frames[call.iterFrame], call.iterSlot, ITER_DRAINED, slot.reg.depth);
  env.setReg(0, ZERO_SCALAR);
  return undefined;
}

/** Checks a call of a kfunc; "exit" when it ends the program. */
export function checkKfuncCall(env: Env, insn: Insn): "exit" | undefined {
  if (insn.imm === 0) return undefined;
  const meta = findMeta(env, insn);
  const { name, flags } = meta;
  if (flags & KF_ITER_NEXT) env.aux.mark(env.insnIdx, ITER_NEXT);
  if (UNMODELLED_KFUNCS.has(name)) env.notModelled(`kernel function ${name}`);
  if (isResLock(name)) pushFailedLock(env);
  if (name === "__bpf_trap") env.reject(EFAULT, "unexpected __bpf_trap() due to uninitialized variable?");
  if (flags & KF_DESTRUCTIVE) env.notModelled(`destructive kernel function ${name}`);
  const sleepable = (flags & KF_SLEEPABLE) !== 0;
  if (sleepable && !env.cur.inSleepable) {
    env.reject(EACCES, `program must be sleepable to call sleepable kfunc ${name}`);
  }
  const call: KfuncCall = {
    meta,
    resultSize: 0n,
    resultReadonly: false,
    constant: undefined,
    map: undefined,
    mapUid: 0,
    dynptr: undefined,
    refId: 0,
    releaseReg: flags & KF_RELEASE ? 1 : 0,
    subprog: -1,
    iterFrame: 0,
    iterSlot: 0,
    root: undefined,
    objectBtf: undefined,
    objectId: 0,
    ownsObject: false,
  };
  checkKfuncArgs(env, call);
  checkDropHere(env, call);
  pushCallbacks(env, call);
  changeSections(env, name);
  if (sleepable && !maySleepHere(env)) {
    env.reject(EACCES, `kernel func ${name} is sleepable within ${whyNoSleep(env)}`);
  }
  if (name.startsWith("bpf_rcu_read_") && inTreeCallback(env)) {
    env.reject(EACCES, "Calling bpf_rcu_read_{lock,unlock} in unnecessary rbtree callback");
  }
  if (flags & KF_RCU_PROTECTED && !inRcuSection(env)) {
    env.reject(EACCES, `kernel func ${name} requires RCU critical section protection`);
  }
  if (call.releaseReg !== 0) releaseArg(env, call);
  if (linksObject(name)) giveToRoot(env, env.reg(2).id);
  if (name === "bpf_throw") {
    env.seenException = true;
    if (env.exceptionCallback === 0) checkReturn(env, 1, "R1");
  }
  for (let r = 0; r <= 5; r++) env.setReg(r, UNINIT);
  clearStackArgs(env);
  needStackArgs(env, meta.proto.params.length);
  setResult(env, call);
  if (flags & KF_ITER_NEXT) iterNext(env, call);
  return name === "bpf_throw" ? exitProgram(env, true) : undefined;
}
