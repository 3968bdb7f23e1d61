// The arguments of a kfunc call: what each parameter wants, by its type and name, and whether the register has it
// (check_kfunc_args of kernel/bpf/verifier.c at v7.2, for a privileged program).

import type { BtfParam, BtfType } from "../btf/index.ts";
import { markPrecise, markStackArgPrecise } from "./backtrack.ts";
import { argName, checkStackArgs } from "./check-call.ts";
import {
  isInteger,
  isNocastAlias,
  isProjection,
  isScalarStruct,
  kindName,
  sizeOf,
  structIdsMatch,
} from "./check-btf.ts";
import {
  checkDropped,
  checkListNode,
  checkRoot,
  checkShared,
  checkTreeNode,
  inTreeCallback,
  type ObjectArgs,
} from "./check-graph.ts";
import { checkConstString, checkMapField, spinLock } from "./check-helper.ts";
import { checkAccess, checkFixedMemory, checkSizedMemory, isTrusted, notNull } from "./check-mem.ts";
import { checkArgOffset } from "./check-offset.ts";
import { EACCES, EINVAL, type Env } from "./env.ts";
import { Rejection } from "./errors.ts";
import { hasSuffix } from "./kfunc-meta.ts";
import {
  KF_ITER_DESTROY,
  KF_ITER_NEW,
  KF_ITER_NEXT,
  KF_RCU,
  KF_RCU_PROTECTED,
  KF_RELEASE,
  type KfuncMeta,
} from "./kfuncs.ts";
import type { MapInfo } from "./maps.ts";
import { hasField } from "./record.ts";
import { isReferenced } from "./references.ts";
import {
  baseType,
  CONST_PTR_TO_DYNPTR,
  CONST_PTR_TO_MAP,
  hasUnsafeModifiers,
  isNull,
  mayBeNull,
  MEM_ALLOC,
  MEM_RCU,
  PTR_TO_BTF_ID,
  PTR_TO_CTX,
  PTR_TO_FUNC,
  PTR_TO_MAP_VALUE,
  PTR_TO_MEM,
  PTR_TO_STACK,
  PTR_TRUSTED,
  SCALAR_VALUE,
  typeName,
  UNINIT,
  type Reg,
} from "./reg-state.ts";
import {
  destroyIter,
  dynptrAt,
  dynptrFits,
  frameOf,
  hasIrqFlag,
  irqFlagFits,
  iterAt,
  iterFits,
  makeDynptr,
  makeIter,
  restoreIrqFlag,
  saveIrqFlag,
} from "./stack-objects.ts";
import { REF_RES_LOCK, REF_RES_LOCK_IRQ } from "./states.ts";
import { toBigInt, toNumber } from "./u64.ts";

/** What the arguments say, for what comes after them. */
export interface KfuncCall extends ObjectArgs {
  readonly meta: KfuncMeta;
  /** Size of the returned memory, from a `rdonly_buf_size` or `rdwr_buf_size` argument. */
  resultSize: bigint;
  resultReadonly: boolean;
  /** Value of the one constant argument. */
  constant: bigint | undefined;
  map: MapInfo | undefined;
  mapUid: number;
  dynptr: Reg | undefined;
  /** The referenced object among the arguments. */
  refId: number;
  releaseReg: number;
  subprog: number;
  iterFrame: number;
  iterSlot: number;
}

type Pointer = BtfType & { type: number };

/** Where argument `index` is: its register (or the stack) and its name. */
interface Arg {
  readonly index: number;
  readonly reg: Reg;
  readonly name: string;
  readonly param: BtfParam;
  readonly next: BtfParam | undefined;
  /** The struct or scalar pointed to: id and type in the target. */
  readonly refId: number;
  readonly ref: BtfType;
}

function regOf(env: Env, index: number): Reg {
  return (index < 5 ? env.reg(index + 1) : env.frame.stackArgs[index - 5]) ?? UNINIT;
}

function markArg(env: Env, index: number): void {
  if (index < 5) markPrecise(env, index + 1);
  else markStackArgPrecise(env, index - 5);
}

/* ---- scalars ---- */

function checkScalar(env: Env, call: KfuncCall, param: BtfParam, reg: Reg, index: number): void {
  const name = argName(index);
  if (reg.type !== SCALAR_VALUE) env.reject(EINVAL, `${name} is not a scalar`);
  if (hasSuffix(param, "__k")) {
    if (!reg.range.isConst) env.reject(EINVAL, `${name} must be a known constant`);
    markArg(env, index);
    call.constant = toBigInt(reg.range.value);
    return;
  }
  const readonly = param.name === "rdonly_buf_size";
  if (!readonly && param.name !== "rdwr_buf_size") return;
  if (readonly) call.resultReadonly = true;
  if (call.resultSize !== 0n) env.reject(EINVAL, "2 or more rdonly/rdwr_buf_size parameters for kfunc");
  if (!reg.range.isConst) env.reject(EINVAL, `${name} is not a const`);
  call.resultSize = toBigInt(reg.range.value);
  if (call.resultSize > 0xffff_ffffn) env.reject(EINVAL, `${name} rdonly/rdwr_buf_size exceeds u32 max`);
  markArg(env, index);
}

/* ---- pointers ---- */

type Wanted =
  | "ctx"
  | "null"
  | "dynptr"
  | "iter"
  | "str"
  | "map"
  | "wq"
  | "timer"
  | "task_work"
  | "dropped"
  | "shared"
  | "list_head"
  | "list_node"
  | "rb_root"
  | "rb_node"
  | "irq_flag"
  | "res_spin_lock"
  | "btf"
  | "callback"
  | "mem"
  | "sized_mem";

/** By the struct pointed to; the former come before what a parameter's name asks for, the latter after. */
const STRUCT_PARAMS: Readonly<Record<string, Wanted>> = {
  bpf_list_head: "list_head",
  bpf_list_node: "list_node",
  bpf_rb_root: "rb_root",
  bpf_rb_node: "rb_node",
};
const FIELD_PARAMS: Readonly<Record<string, Wanted>> = {
  bpf_wq: "wq",
  bpf_timer: "timer",
  bpf_task_work: "task_work",
};

const CONTEXT_KFUNCS: ReadonlySet<string> = new Set([
  "bpf_cast_to_kern_ctx",
  "bpf_session_is_return",
  "bpf_session_cookie",
]);

function isSizeParam(env: Env, param: BtfParam | undefined, reg: Reg): boolean {
  if (param === undefined || reg.type !== SCALAR_VALUE || !isInteger(env.target.resolved(param.type))) return false;
  return hasSuffix(param, "__sz") || hasSuffix(param, "__szk");
}

/** The kind of pointer a parameter takes (get_kfunc_ptr_arg_type). */
function wanted(env: Env, call: KfuncCall, arg: Arg): Wanted {
  const { param, ref, reg } = arg;
  const { flags, name } = call.meta;
  if (CONTEXT_KFUNCS.has(name)) return "ctx";
  const sized = isSizeParam(env, arg.next, regOf(env, arg.index + 1));
  if (env.type.contextStruct !== undefined && ref.kind === "STRUCT" && ref.name === env.type.contextStruct)
    return "ctx";
  if (hasSuffix(param, "__nullable") && isNull(reg) && !sized) return "null";
  if (hasSuffix(param, "__alloc")) return "dropped";
  if (hasSuffix(param, "__refcounted_kptr")) return "shared";
  const struct = ref.kind === "STRUCT" ? ref.name : "";
  if (struct === "bpf_dynptr") return "dynptr";
  const iterKfunc = (flags & (KF_ITER_NEW | KF_ITER_NEXT | KF_ITER_DESTROY)) !== 0;
  if (iterKfunc ? arg.index === 0 : hasSuffix(param, "__iter")) return "iter";
  if (struct in STRUCT_PARAMS) return STRUCT_PARAMS[struct];
  if (hasSuffix(param, "__str")) return "str";
  if (hasSuffix(param, "__map")) return "map";
  if (struct in FIELD_PARAMS) return FIELD_PARAMS[struct];
  if (hasSuffix(param, "__irq_flag")) return "irq_flag";
  if (struct === "bpf_res_spin_lock") return "res_spin_lock";
  const base = baseType(reg.type);
  if (base === PTR_TO_BTF_ID || base === CONST_PTR_TO_MAP) {
    if (ref.kind !== "STRUCT" && ref.kind !== "UNION") {
      env.reject(
        EINVAL,
        `kernel function ${name} ${arg.name} pointer type ${kindName(ref)} ${ref.name} is not supported`,
      );
    }
    return "btf";
  }
  if (ref.kind === "FUNC_PROTO") return "callback";
  const plain = isInteger(ref) || isScalarStruct(env, env.target, ref, 0);
  if (!plain && !(sized && ref.kind === "VOID")) {
    env.reject(
      EINVAL,
      `${arg.name} pointer type ${kindName(ref)} ${ref.name} must point to ${sized ? "void, " : ""}scalar, or struct with scalar`,
    );
  }
  return sized ? "sized_mem" : "mem";
}

function checkTrust(env: Env, call: KfuncCall, arg: Arg): void {
  if (isTrusted(env, arg.reg)) return;
  if (!(call.meta.flags & KF_RCU)) env.reject(EINVAL, `${arg.name} must be referenced or trusted`);
  if (!(arg.reg.type & MEM_RCU)) env.reject(EINVAL, `${arg.name} must be a rcu pointer`);
}

function checkStruct(env: Env, call: KfuncCall, arg: Arg): void {
  const { reg, name } = arg;
  const isObject = baseType(reg.type) === PTR_TO_BTF_ID;
  const isMap = baseType(reg.type) === CONST_PTR_TO_MAP;
  if ((!isObject || (hasUnsafeModifiers(reg.type) && !(reg.type & MEM_RCU))) && !isMap) {
    env.say(`${name} is ${typeName(reg.type)} `);
    env.reject(EINVAL, `expected ${typeName(baseType(reg.type) | (reg.type & (MEM_ALLOC | PTR_TRUSTED)))} or socket`);
  }
  const { target } = env;
  const btf = isObject ? reg.btf! : target;
  const mapId = target.findByName("bpf_map", "STRUCT") ?? 0;
  const id = isObject ? reg.num : mapId;
  const needId = arg.param.name.endsWith("__map") ? mapId : arg.refId;
  const own = btf.resolved(id);
  const need = target.type(needId);
  const strict = ((call.meta.flags & KF_RELEASE) !== 0 && isReferenced(env, reg)) || isNocastAlias(own.name, need.name);
  const off = reg.range.isConst ? toNumber(reg.range.value) : -1;
  const same = structIdsMatch(env, btf, btf.skipModifiers(id), off, target, needId, strict, !(reg.type & MEM_ALLOC));
  if (same || isProjection(need.name, own.name)) return;
  env.reject(
    EINVAL,
    `kernel function ${call.meta.name} ${name} expected pointer to ${kindName(need)} ${need.name} but ${name} has a pointer to ` +
      `${kindName(own)} ${own.name}`,
  );
}

function checkDynptr(env: Env, call: KfuncCall, arg: Arg): void {
  const { reg, name } = arg;
  if (reg.type !== PTR_TO_STACK && reg.type !== CONST_PTR_TO_DYNPTR) {
    env.reject(EINVAL, `${name} expected pointer to stack or const struct bpf_dynptr`);
  }
  if (!hasSuffix(arg.param, "__uninit")) {
    call.dynptr = dynptrAt(env, reg);
    if (call.dynptr === undefined) env.reject(EINVAL, `Expected an initialized dynptr as ${name}`);
    return;
  }
  if (call.dynptr === undefined) return env.notModelled(`a dynptr made by ${call.meta.name}()`);
  const original = call.dynptr;
  if (!dynptrFits(env, reg)) env.reject(EINVAL, "Dynptr has to be an uninitialized dynptr");
  for (let i = 0; i < 16; i += 8) checkAccess(env, reg, name, i, 8, true, -1);
  makeDynptr(env, reg, original.num, env.insnIdx, original.parent_id, true);
}

function checkIter(env: Env, call: KfuncCall, arg: Arg): void {
  const { reg, name, ref } = arg;
  const { target } = env;
  const { flags } = call.meta;
  if (reg.type !== PTR_TO_STACK) env.reject(EINVAL, `${name} expected pointer to an iterator on stack`);
  if (ref.kind !== "STRUCT" || !ref.name.startsWith("bpf_iter_")) {
    return env.reject(EINVAL, `expected valid iter pointer as ${name}`);
  }
  const count = Math.trunc(ref.size / 8);
  const short = ref.name.slice("bpf_iter_".length);
  if (call.meta.name === "bpf_iter_css_task_new" && !env.cur.inSleepable) {
    env.reject(EINVAL, "css_task_iter is only allowed in bpf_lsm, bpf_iter and sleepable progs");
  }
  if (flags & KF_ITER_NEW) {
    if (!iterFits(env, reg, count)) env.reject(EINVAL, `expected uninitialized iter_${short} as ${name}`);
    for (let i = 0; i < count * 8; i += 8) checkAccess(env, reg, name, i, 8, true, -1);
    makeIter(env, reg, env.insnIdx, target, arg.refId, count, (flags & KF_RCU_PROTECTED) !== 0);
    return undefined;
  }
  const at = iterAt(env, reg, target, arg.refId, count);
  if (at === "rcu") return env.reject(71, `expected an RCU CS when using ${call.meta.name}`);
  if (at === undefined) return env.reject(EINVAL, `expected an initialized iter_${short} as ${name}`);
  call.iterFrame = reg.frameno;
  call.iterSlot = at;
  call.refId = frameOf(env, reg).slots[at].reg.id;
  if (flags & KF_ITER_DESTROY) destroyIter(env, reg, at, count);
  return undefined;
}

function checkMemory(env: Env, call: KfuncCall, arg: Arg): void {
  const size = sizeOf(env.target, arg.refId);
  if (size === undefined) {
    env.reject(
      EINVAL,
      `${arg.name} reference type('${kindName(arg.ref)} ${arg.ref.name}') size cannot be determined: -22`,
    );
  }
  checkFixedMemory(env, arg.reg, arg.name, size);
  // Linux takes any memory for the context of a subsystem's calls, because that struct is empty: not so here
  if (arg.ref.kind === "STRUCT" && arg.ref.members.length === 0 && arg.reg.type !== SCALAR_VALUE) {
    env.reject(
      EINVAL,
      `kernel function ${call.meta.name} ${arg.name} expected pointer to STRUCT ${arg.ref.name} but ${arg.name} has a pointer ` +
        `to ${typeName(arg.reg.type)} memory`,
    );
  }
}

function checkSized(env: Env, call: KfuncCall, arg: Arg): void {
  const size = regOf(env, arg.index + 1);
  const sizeName = argName(arg.index + 1);
  if (!isNull(arg.reg) || !hasSuffix(arg.param, "__nullable")) {
    const mem = notNull(arg.reg);
    const mark = (): void => markArg(env, arg.index + 1);
    try {
      checkSizedMemory(env, mem, arg.name, size, sizeName, { write: false, zeroOk: true }, mark);
      checkSizedMemory(env, mem, arg.name, size, sizeName, { write: true, zeroOk: true }, mark);
    } catch (error) {
      if (error instanceof Rejection) {
        env.say(`${arg.name} and ${sizeName} memory, len pair leads to invalid memory access\n`);
      }
      throw error;
    }
  }
  if (!hasSuffix(arg.next, "__szk")) return;
  if (!size.range.isConst) env.reject(EINVAL, `${sizeName} must be a known constant`);
  call.constant = toBigInt(size.range.value);
}

function checkIrqFlag(env: Env, call: KfuncCall, arg: Arg): void {
  const { reg, name } = arg;
  if (reg.type !== PTR_TO_STACK) env.reject(EINVAL, `${name} doesn't point to an irq flag on stack`);
  const lock = call.meta.name.startsWith("bpf_res_spin");
  if (call.meta.name === "bpf_local_irq_save" || call.meta.name === "bpf_res_spin_lock_irqsave") {
    if (!irqFlagFits(env, reg)) env.reject(EINVAL, `expected uninitialized irq flag as ${name}`);
    checkAccess(env, reg, name, 0, 8, true, -1);
    saveIrqFlag(env, reg, lock);
    return;
  }
  if (!hasIrqFlag(env, reg)) env.reject(EINVAL, `expected an initialized irq flag as ${name}`);
  restoreIrqFlag(env, reg, lock);
}

function needMapValue(env: Env, arg: Arg): void {
  if (arg.reg.type !== PTR_TO_MAP_VALUE) env.reject(EINVAL, `${arg.name} doesn't point to a map value`);
}

function usePointer(env: Env, call: KfuncCall, arg: Arg, kind: Wanted): void {
  const { reg, name } = arg;
  switch (kind) {
    case "ctx":
      if (reg.type !== PTR_TO_CTX) env.reject(EINVAL, `${name} expected pointer to ctx, but got ${typeName(reg.type)}`);
      return;
    case "dynptr":
      return checkDynptr(env, call, arg);
    case "iter":
      return checkIter(env, call, arg);
    case "map":
    case "btf":
      return checkStruct(env, call, arg);
    case "mem":
      return checkMemory(env, call, arg);
    case "sized_mem":
      return checkSized(env, call, arg);
    case "callback":
      if (reg.type !== PTR_TO_FUNC) env.reject(EINVAL, `${name} expected pointer to func`);
      call.subprog = reg.num;
      return;
    case "str":
      if (reg.type !== PTR_TO_MAP_VALUE) env.reject(EINVAL, `${name} doesn't point to a const string`);
      return checkConstString(env, reg, name);
    case "wq":
      needMapValue(env, arg);
      return checkMapField(env, call, reg, name, "bpf_wq");
    case "timer":
      needMapValue(env, arg);
      return checkMapField(env, call, reg, name, "bpf_timer");
    case "task_work":
      needMapValue(env, arg);
      return checkMapField(env, call, reg, name, "bpf_task_work");
    case "dropped":
      return checkDropped(env, call, call.meta.name, reg, name);
    case "shared":
      return checkShared(env, call, reg, name);
    case "list_head":
      return checkRoot(env, call, "bpf_list_head", reg, name);
    case "list_node":
      return checkListNode(env, call, reg, name, hasSuffix(arg.param, "__nonown_allowed"));
    case "rb_root":
      return checkRoot(env, call, "bpf_rb_root", reg, name);
    case "rb_node":
      return checkTreeNode(env, call, call.meta.name, reg, name);
    case "irq_flag":
      return checkIrqFlag(env, call, arg);
    case "res_spin_lock": {
      if (inTreeCallback(env)) env.reject(EACCES, "can't res_spin_{lock,unlock} in rbtree cb");
      if (reg.type !== PTR_TO_MAP_VALUE && reg.type !== (PTR_TO_BTF_ID | MEM_ALLOC)) {
        env.reject(EINVAL, `${name} doesn't point to map value or allocated object`);
      }
      const kfunc = call.meta.name;
      const irq = kfunc === "bpf_res_spin_lock_irqsave" || kfunc === "bpf_res_spin_unlock_irqrestore";
      return spinLock(env, reg, name, kfunc.startsWith("bpf_res_spin_lock"), irq ? REF_RES_LOCK_IRQ : REF_RES_LOCK);
    }
    default:
  }
}

function checkPointer(env: Env, call: KfuncCall, param: BtfParam, type: Pointer, index: number): Wanted {
  const reg = regOf(env, index);
  const name = argName(index);
  const { target } = env;
  if ((isNull(reg) || mayBeNull(reg.type)) && !hasSuffix(param, "__nullable")) {
    env.reject(EACCES, `Possibly NULL pointer passed to trusted ${name}`);
  }
  const refId = target.skipModifiers(type.type);
  const ref = target.type(refId);
  const release = index + 1 === call.releaseReg;
  const isDynptr = ref.kind === "STRUCT" && ref.name === "bpf_dynptr";
  if (release && !isDynptr && !isReferenced(env, reg) && !isNull(reg)) {
    env.reject(EINVAL, `release kfunc ${call.meta.name} expects referenced PTR_TO_BTF_ID passed to ${name}`);
  }
  if (isReferenced(env, reg)) call.refId = reg.id;
  const arg: Arg = { index, reg, name, param, next: call.meta.proto.params[index + 1], refId, ref };
  const kind = wanted(env, call, arg);
  if (kind === "null") return kind;
  if (kind === "map") {
    // Linux keeps the map where it keeps the type or size of other pointers: those get as far as the next check
    const other = reg.btf !== undefined || (baseType(reg.type) === PTR_TO_MEM && reg.num !== 0);
    if (reg.map === undefined && !other) env.reject(EINVAL, `pointer in ${name} isn't map pointer`);
    if (reg.map !== undefined && call.map !== undefined && (call.map !== reg.map || call.mapUid !== reg.num)) {
      const taskWork = hasField(reg.map.fields, "bpf_task_work");
      const [what, first, second] = taskWork ? ["bpf_task_work", 2, 3] : ["workqueue", 1, 2];
      env.reject(
        EINVAL,
        `${what} pointer in R${first} map_uid=${call.mapUid} doesn't match map pointer in R${second} map_uid=${reg.num}`,
      );
    }
    call.map = reg.map;
    call.mapUid = reg.num;
  }
  if (kind === "map" || kind === "btf" || kind === "dropped") checkTrust(env, call, arg);
  checkArgOffset(env, { kind, release, atStart: kind === "shared" }, reg, name);
  usePointer(env, call, arg, kind);
  return kind;
}

/** Checks all arguments of a kfunc call. */
export function checkKfuncArgs(env: Env, call: KfuncCall): void {
  const { meta } = call;
  const { params } = meta.proto;
  if (params.length > 12) env.reject(EINVAL, `Function ${meta.name} has ${params.length} > 12 args`);
  checkStackArgs(env, params.length);
  for (let i = 0; i < params.length; i++) {
    const param = params[i];
    const type = env.target.resolved(param.type);
    // the kernel supplies these itself
    const aux = type.kind === "PTR" ? env.target.resolved(type.type) : undefined;
    if ((aux?.kind === "STRUCT" && aux.name === "bpf_prog_aux") || hasSuffix(param, "__ign") || i >= meta.explicitArgs)
      continue;
    if (isInteger(type)) {
      checkScalar(env, call, param, regOf(env, i), i);
    } else if (type.kind === "PTR") {
      // a size argument was checked with the pointer before it
      if (checkPointer(env, call, param, type, i) === "sized_mem") i++;
    } else {
      env.reject(EINVAL, `Unrecognized ${argName(i)} type ${kindName(type)}`);
    }
  }
}
