// Objects the program allocates itself, and the lists and trees that own them: the kfuncs that make, share, link and drop them
// (process_kf_arg_ptr_to_graph_*, check_reg_allocation_locked, ref_convert_owning_non_owning and check_special_kfunc of
// kernel/bpf/verifier.c at v7.2). A lock protects the lists and trees beside it in one allocation. An object that was linked
// belongs to its list: the program may use it as a non-owning reference until it gives the lock back.

import type { Btf } from "../btf/index.ts";
import { constRange } from "./bounds.ts";
import { callback } from "./callbacks.ts";
import { isScalarStruct, structIdsMatch } from "./check-btf.ts";
import type { SetCallee } from "./check-call.ts";
import { EFAULT, EINVAL, isKfuncCall, type Env } from "./env.ts";
import { fieldAt, fieldOf, type Fields, hasField, type SpecialField } from "./record.ts";
import { dropReference, findLock, isReferenced } from "./references.ts";
import {
  cloneReg,
  isAllocObject,
  isNonOwning,
  MEM_ALLOC,
  MEM_PERCPU,
  MEM_RCU,
  NON_OWN_REF,
  pointer,
  PTR_TO_BTF_ID,
  PTR_TO_MAP_VALUE,
  withType,
  type Reg,
} from "./reg-state.ts";
import { mapRegs, REF_LOCK_MASK } from "./states.ts";
import { fromNumber, toNumber } from "./u64.ts";

/** An object of the program's own, not in a list. */
const OWNED: number = PTR_TO_BTF_ID | MEM_ALLOC;
const NO_FIELDS: Fields = [];
/** Largest object that exists once per CPU, in bytes. */
const MAX_PERCPU_BYTES = 512;

type RootKind = "bpf_list_head" | "bpf_rb_root";
const NODE_KINDS = { bpf_list_head: "bpf_list_node", bpf_rb_root: "bpf_rb_node" } as const;

/** What the arguments of such a call say. */
export interface ObjectArgs {
  /** The list or tree. */
  root: SpecialField | undefined;
  /** The struct of the object linked, shared or dropped. */
  objectBtf: Btf | undefined;
  objectId: number;
  /** The object shared is one the program owns: sharing it cannot fail. */
  ownsObject: boolean;
}

/** Special fields of the value or object behind a pointer. */
export function recordOf(env: Env, reg: Reg): Fields {
  if (reg.type === PTR_TO_MAP_VALUE) return reg.map!.fields;
  if (!isAllocObject(reg.type) || reg.btf !== env.btf) return NO_FIELDS;
  return env.objects.get(reg.num) ?? NO_FIELDS;
}

/* ---- kfuncs by what they do ---- */

const OBJECT_KFUNCS: Readonly<Record<string, "makes" | "drops" | "shares" | "links" | "adds">> = {
  bpf_obj_new: "makes",
  bpf_obj_new_impl: "makes",
  bpf_percpu_obj_new: "makes",
  bpf_percpu_obj_new_impl: "makes",
  bpf_obj_drop: "drops",
  bpf_obj_drop_impl: "drops",
  bpf_percpu_obj_drop: "drops",
  bpf_percpu_obj_drop_impl: "drops",
  bpf_refcount_acquire: "shares",
  bpf_refcount_acquire_impl: "shares",
  bpf_list_push_front: "links",
  bpf_list_push_front_impl: "links",
  bpf_list_push_back: "links",
  bpf_list_push_back_impl: "links",
  bpf_list_add: "links",
  bpf_rbtree_add: "adds",
  bpf_rbtree_add_impl: "adds",
};

export const makesObject = (kfunc: string): boolean => OBJECT_KFUNCS[kfunc] === "makes";
export const dropsObject = (kfunc: string): boolean => OBJECT_KFUNCS[kfunc] === "drops";
export const sharesObject = (kfunc: string): boolean => OBJECT_KFUNCS[kfunc] === "shares";
export const addsToTree = (kfunc: string): boolean => OBJECT_KFUNCS[kfunc] === "adds";
/** Those that take an object from the program and link it into a list or tree. */
export const linksObject = (kfunc: string): boolean => addsToTree(kfunc) || OBJECT_KFUNCS[kfunc] === "links";

/** In a callback that orders a tree, or in what it calls: the tree's lock is held, and the tree must not change. */
export function inTreeCallback(env: Env): boolean {
  return env.cur.frames.some((frame, depth) => {
    if (depth === 0 || !frame.inCallback) return false;
    const insn = env.insns[frame.callsite];
    return isKfuncCall(insn) && env.kfuncName(insn.imm).startsWith("bpf_rbtree_");
  });
}

/* ---- arguments ---- */

function needOwned(env: Env, reg: Reg, name: string): void {
  if (reg.type !== OWNED) env.reject(EINVAL, `${name} expected pointer to allocated object`);
  if (!isReferenced(env, reg)) env.reject(EINVAL, "allocated object must be referenced");
}

/** The constant offset of a field of kind `kind` an argument points to. */
function fieldOffset(env: Env, reg: Reg, name: string, kind: string): number {
  if (!reg.range.isConst) {
    env.reject(EINVAL, `${name} doesn't have constant offset. ${kind} has to be at the constant offset`);
  }
  return toNumber(reg.range.value);
}

/** A list or tree, whose lock is held. */
export function checkRoot(env: Env, call: ObjectArgs, kind: RootKind, reg: Reg, name: string): void {
  if (reg.type !== PTR_TO_MAP_VALUE && reg.type !== OWNED) {
    env.reject(EINVAL, `${name} expected pointer to map value or allocated object`);
  }
  if (reg.type === OWNED && !isReferenced(env, reg)) env.reject(EINVAL, "allocated object must be referenced");
  const off = fieldOffset(env, reg, name, kind);
  const fields = recordOf(env, reg);
  const field = fieldAt(fields, off, kind);
  if (field === undefined) return env.reject(EINVAL, `${kind} not found at offset=${off}`);
  const owner = reg.type === PTR_TO_MAP_VALUE ? reg.map : reg.btf;
  if (env.cur.activeLocks === 0 || findLock(env, REF_LOCK_MASK, reg.id, owner) === undefined) {
    if (env.cur.activeLocks > 0) env.say("held lock and object are not in the same allocation\n");
    const lock = fieldOf(fields, "bpf_spin_lock")?.offset ?? -EINVAL;
    env.reject(EINVAL, `bpf_spin_lock at off=${lock} must be held for ${kind}`);
  }
  call.root = field;
  return undefined;
}

/** A node of an object that fits the list or tree. */
function checkNode(env: Env, call: ObjectArgs, kind: RootKind, reg: Reg, name: string): void {
  const nodeKind = NODE_KINDS[kind];
  const off = fieldOffset(env, reg, name, nodeKind);
  if (fieldAt(recordOf(env, reg), off, nodeKind) === undefined) {
    env.reject(EINVAL, `${nodeKind} not found at offset=${off}`);
  }
  const root = call.root!;
  const [btf, own] = [root.btf!, reg.btf!];
  const struct = btf.nameOf(root.btf_id);
  if (!structIdsMatch(env, own, reg.num, 0, btf, root.btf_id, true, (reg.type & MEM_ALLOC) === 0)) {
    env.reject(
      EINVAL,
      `operation on ${kind} expects arg#1 ${nodeKind} at offset=${root.node_offset} in struct ${struct}, ` +
        `but arg is at offset=${off} in struct ${own.nameOf(reg.num)}`,
    );
  }
  call.objectBtf = own;
  call.objectId = reg.num;
  if (off !== root.node_offset) {
    env.reject(
      EINVAL,
      `arg#1 offset=${off}, but expected ${nodeKind} at offset=${root.node_offset} in struct ${struct}`,
    );
  }
}

/** `nonOwning`: an object that is in the list already may be named too. */
export function checkListNode(env: Env, call: ObjectArgs, reg: Reg, name: string, nonOwning: boolean): void {
  if (!nonOwning || !isNonOwning(reg.type) || isReferenced(env, reg)) needOwned(env, reg, name);
  checkNode(env, call, "bpf_list_head", reg, name);
}

export function checkTreeNode(env: Env, call: ObjectArgs, kfunc: string, reg: Reg, name: string): void {
  if (addsToTree(kfunc)) {
    needOwned(env, reg, name);
  } else {
    if (!isNonOwning(reg.type) && !isReferenced(env, reg)) {
      env.reject(EINVAL, `${kfunc} can only take non-owning or refcounted bpf_rb_node pointer`);
    }
    if (inTreeCallback(env)) env.reject(EINVAL, `${kfunc} not allowed in rbtree cb`);
  }
  checkNode(env, call, "bpf_rb_root", reg, name);
}

/** An object to be dropped. */
export function checkDropped(env: Env, call: ObjectArgs, kfunc: string, reg: Reg, name: string): void {
  const perCpu = reg.type === (OWNED | MEM_PERCPU);
  if (reg.type !== OWNED && !perCpu) env.reject(EINVAL, `${name} expected pointer to allocated object`);
  const right = perCpu ? "bpf_percpu_obj_drop" : "bpf_obj_drop";
  if (kfunc !== right && kfunc !== `${right}_impl`) env.reject(EINVAL, `${name} expected for ${right}()`);
  if (!isReferenced(env, reg)) env.reject(EINVAL, "allocated object must be referenced");
  call.objectBtf = reg.btf;
  call.objectId = reg.num;
}

/** An object to be shared. */
export function checkShared(env: Env, call: ObjectArgs, reg: Reg, name: string): void {
  if (!isAllocObject(reg.type)) env.reject(EINVAL, `${name} is neither owning or non-owning ref`);
  if (!isNonOwning(reg.type) && isReferenced(env, reg)) call.ownsObject = true;
  const fields = recordOf(env, reg);
  if (fields.length === 0) env.reject(EFAULT, "verifier bug: Couldn't find btf_record");
  if (!hasField(fields, "bpf_refcount")) {
    env.reject(EINVAL, `${name} doesn't point to a type with bpf_refcount field`);
  }
  call.objectBtf = reg.btf;
  call.objectId = reg.num;
}

/* ---- results ---- */

/** A pointer to the node of an object in `root`. */
function nodePointer(root: SpecialField): Reg {
  const reg = pointer(OWNED);
  reg.range = constRange(fromNumber(root.node_offset));
  reg.btf = root.btf;
  reg.num = root.btf_id;
  return reg;
}

/** The reference without ownership; one that is counted stays readable to the end of the RCU section. */
export function asNonOwning(env: Env, reg: Reg): Reg {
  if (env.cur.activeLocks === 0) env.reject(EFAULT, "verifier bug: ref_set_non_owning w/o active lock");
  const counted = hasField(recordOf(env, reg), "bpf_refcount") ? MEM_RCU : 0;
  return withType(reg, reg.type | NON_OWN_REF | counted);
}

/** An object was linked: it is not the program's own any more. */
export function giveToRoot(env: Env, id: number): void {
  dropReference(env, id);
  mapRegs(env.cur, (reg) => {
    if (reg.id !== id) return reg;
    const copy = cloneReg(reg);
    copy.id = 0;
    return asNonOwning(env, copy);
  });
}

/** What the order of a tree is asked of: two of its objects. */
export function treeCallback(env: Env, root: SpecialField): SetCallee {
  return (_, callee) => {
    const object = asNonOwning(env, nodePointer(root));
    callback(callee, [object, object], 1);
  };
}

/** A new object of the struct of id `constant` in the program's BTF. */
function newObject(env: Env, kfunc: string, constant: bigint): Reg {
  if (constant > 0xffff_ffffn) env.reject(EINVAL, "local type ID argument must be in range [0, U32_MAX]");
  if (!env.hasFuncInfo) env.reject(EINVAL, "bpf_obj_new/bpf_percpu_obj_new requires prog BTF");
  const id = Number(constant);
  const type = id < env.btf.nrTypes ? env.btf.type(id) : undefined;
  if (type?.kind !== "STRUCT") {
    return env.reject(EINVAL, "bpf_obj_new/bpf_percpu_obj_new type ID argument must be of a struct");
  }
  const perCpu = kfunc.startsWith("bpf_percpu_");
  if (perCpu) {
    const what = "bpf_percpu_obj_new type";
    if (type.size > MAX_PERCPU_BYTES) {
      env.reject(EINVAL, `${what} size (${type.size}) is greater than ${MAX_PERCPU_BYTES}`);
    }
    if (!isScalarStruct(env, env.btf, type, 0)) {
      env.reject(EINVAL, `${what} ID argument must be of a struct of scalars`);
    }
    if (env.objects.has(id)) env.reject(EINVAL, `${what} ID argument must not contain special fields`);
  }
  const reg = pointer(OWNED | (perCpu ? MEM_PERCPU : 0));
  reg.btf = env.btf;
  reg.num = id;
  return reg;
}

/** The pointer such a kfunc returns, before it is known whether it may be null; undefined for other kfuncs. */
export function objectResult(
  env: Env,
  call: ObjectArgs,
  kfunc: string,
  constant: bigint,
  behind: string,
): Reg | undefined {
  if (makesObject(kfunc)) return newObject(env, kfunc, constant);
  if (sharesObject(kfunc)) {
    const reg = pointer(OWNED);
    reg.btf = call.objectBtf;
    reg.num = call.objectId;
    return reg;
  }
  return isNodeName(behind) ? nodePointer(call.root!) : undefined;
}

/** Whether a struct is a node of a list or tree. */
export const isNodeName = (struct: string): boolean => struct === "bpf_list_node" || struct === "bpf_rb_node";
