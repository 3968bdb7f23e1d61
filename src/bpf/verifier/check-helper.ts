// Calls of helpers: arguments by prototype, what the helper does to the state, what it returns (check_helper_call and
// check_func_arg of kernel/bpf/verifier.c at v7.2, for a privileged program).

import { __BPF_FUNC_MAX_ID, helperName } from "../isa/index.ts";
import { markPrecise, markSlotPrecise } from "./backtrack.ts";
import { readReg } from "./check-alu.ts";
import { structIdsMatch } from "./check-btf.ts";
import { pushCallback, returnToCaller } from "./check-call.ts";
import { inTreeCallback, recordOf } from "./check-graph.ts";
import {
  checkAccess,
  checkAlignment,
  checkCalleeMemory,
  checkKptrMatch,
  checkMapAccess,
  checkSizedMemory,
} from "./check-mem.ts";
import { checkArgOffset, checkFixedOffset } from "./check-offset.ts";
import { EACCES, EFAULT, EINVAL, type Env } from "./env.ts";
import { callback, forEachCallback, ringbufCallback, timerCallback, vmaCallback } from "./callbacks.ts";
import { checkFormat } from "./format-string.ts";
import { ID, type CallMeta } from "./helper-call.ts";
import { helperResult, refineResult } from "./helper-result.ts";
import { helperNumber, helperProto, type ArgSpec, type HelperProto } from "./helpers-proto.ts";
import { dynptrName } from "./log.ts";
import { BPF_F_RDONLY_PROG, MAP_BLOOM_FILTER, MAP_PROG_ARRAY } from "./map-types.ts";
import { isConstant, lookupCannotFail, mapFitsHelper, type MapInfo } from "./maps.ts";
import { fieldAt, fieldOf, hasField, type FieldKind } from "./record.ts";
import {
  acquireLock,
  checkResourceLeak,
  clearCallerSaved,
  clearStackArgs,
  dropReference,
  findLock,
  inRcuSection,
  invalidateNonOwning,
  invalidateRcu,
  isReferenced,
  maySleepHere,
  releaseLock,
  releaseReference,
  whyNoSleep,
} from "./references.ts";
import {
  baseType,
  CONST_PTR_TO_DYNPTR,
  CONST_PTR_TO_MAP,
  DYNPTR_LOCAL,
  DYNPTR_RINGBUF,
  isNull,
  MEM_ALLOC,
  MEM_PERCPU,
  MEM_RCU,
  MEM_RDONLY,
  MEM_RINGBUF,
  mayBeNull,
  NON_OWN_REF,
  PTR_MAYBE_NULL,
  PTR_TO_BTF_ID,
  PTR_TO_CTX,
  PTR_TO_FUNC,
  PTR_TO_MAP_KEY,
  PTR_TO_MAP_VALUE,
  PTR_TO_MEM,
  PTR_TO_STACK,
  PTR_TRUSTED,
  SCALAR_VALUE,
  typeName,
  UNKNOWN_SCALAR,
  withId,
  withType,
  type Reg,
  REG_NAMES,
} from "./reg-state.ts";
import { dynptrAt, dynptrFits, frameOf, makeDynptr, releaseDynptr } from "./stack-objects.ts";
import {
  isScalarSpill,
  mapRegs,
  REF_LOCK,
  REF_RES_LOCK,
  REF_RES_LOCK_IRQ,
  slotIndex,
  STACK_SPILL,
  STACK_ZERO,
  typeAt,
} from "./states.ts";
import { toBigInt, toNumber, toUnsignedNumber } from "./u64.ts";

const MAP_WRITERS: ReadonlySet<number> = new Set(
  ["map_delete_elem", "map_update_elem", "map_push_elem", "map_pop_elem"].map(helperNumber),
);
/* ---- argument types ---- */

const MEM_TYPES: readonly number[] = [
  PTR_TO_STACK,
  PTR_TO_MAP_KEY,
  PTR_TO_MAP_VALUE,
  PTR_TO_MEM,
  PTR_TO_MEM | MEM_RINGBUF,
  PTR_TO_BTF_ID | PTR_TRUSTED,
  PTR_TO_CTX,
];
/** As the kernel lists them, packet and buffer pointers included. */
const MEM_NAMES = "fp, pkt, pkt_meta, map_key, map_value, mem, ringbuf_mem, buf, trusted_ptr_, ctx";

const FITTING: Readonly<Partial<Record<ArgSpec["kind"], readonly number[]>>> = {
  key: MEM_TYPES,
  value: MEM_TYPES,
  mem: MEM_TYPES,
  size: [SCALAR_VALUE],
  alloc_size: [SCALAR_VALUE],
  scalar: [SCALAR_VALUE],
  map: [CONST_PTR_TO_MAP],
  ctx: [PTR_TO_CTX],
  btf: [PTR_TO_BTF_ID, PTR_TO_BTF_ID | PTR_TRUSTED, PTR_TO_BTF_ID | MEM_RCU],
  lock: [PTR_TO_MAP_VALUE, PTR_TO_BTF_ID | MEM_ALLOC],
  ringbuf_mem: [PTR_TO_MEM | MEM_RINGBUF],
  percpu: [PTR_TO_BTF_ID | MEM_PERCPU, PTR_TO_BTF_ID | MEM_PERCPU | MEM_RCU, PTR_TO_BTF_ID | MEM_PERCPU | PTR_TRUSTED],
  func: [PTR_TO_FUNC],
  stack: [PTR_TO_STACK],
  str: [PTR_TO_MAP_VALUE],
  timer: [PTR_TO_MAP_VALUE],
  kptr_dest: [
    PTR_TO_MAP_VALUE,
    PTR_TO_BTF_ID | MEM_ALLOC,
    PTR_TO_BTF_ID | MEM_ALLOC | NON_OWN_REF,
    PTR_TO_BTF_ID | MEM_ALLOC | NON_OWN_REF | MEM_RCU,
  ],
  dynptr: [PTR_TO_STACK, CONST_PTR_TO_DYNPTR],
};

function checkArgType(env: Env, meta: CallMeta, spec: ArgSpec, reg: Reg, index: number): void {
  const fitting = FITTING[spec.kind] ?? [];
  const name = REG_NAMES[index];
  let { type } = reg;
  if (spec.kind === "mem" && !spec.write) type &= ~MEM_RDONLY;
  if (spec.nullable) type &= ~PTR_MAYBE_NULL;
  if (meta.proto.id === ID.kptr_xchg && index === 2 && type & MEM_ALLOC) type &= ~(MEM_ALLOC | MEM_PERCPU);
  if (!fitting.includes(type)) {
    const expected = fitting === MEM_TYPES ? MEM_NAMES : fitting.map(typeName).join(", ");
    env.reject(EACCES, `${name} type=${typeName(reg.type)} expected=${expected}`);
  }
  if (baseType(reg.type) !== PTR_TO_BTF_ID) return;
  if (fitting === MEM_TYPES) {
    if (spec.kind === "mem" ? spec.write : true) {
      env.reject(EACCES, `${meta.proto.name}() may write into memory pointed by ${name} type=${typeName(reg.type)}`);
    }
    return;
  }
  if (spec.kind === "btf") checkStructArg(env, meta, spec, reg, name);
}

function checkStructArg(env: Env, meta: CallMeta, spec: ArgSpec, reg: Reg, name: string): void {
  if (mayBeNull(reg.type) && (!spec.nullable || spec.release)) {
    if (reg.type & MEM_ALLOC) env.reject(EFAULT, "verifier bug: invalid PTR_TO_BTF_ID register for type match");
    env.reject(EACCES, `Possibly NULL pointer passed to helper ${name}`);
  }
  if (meta.proto.id === ID.kptr_xchg) return checkKptrMatch(env, meta.kptr!, reg, name);
  checkFixedOffset(env, reg, name, true);
  const need = env.target.findByName(spec.struct, "STRUCT") ?? 0;
  if (!structIdsMatch(env, reg.btf!, reg.num, toNumber(reg.range.value), env.target, need, spec.release, true)) {
    env.reject(EACCES, `${name} is of type ${reg.btf!.nameOf(reg.num)} but ${spec.struct} is expected`);
  }
  return undefined;
}

/* ---- arguments ---- */

function checkArg(env: Env, meta: CallMeta, position: number): void {
  const index = position + 1;
  const spec = meta.proto.args[position];
  let reg = readReg(env, index);
  if (spec.kind === "any") return;
  const name = REG_NAMES[index];
  const isNullArg = isNull(reg) && spec.nullable;
  if (isNullArg) {
    markPrecise(env, index);
  } else {
    checkArgType(env, meta, spec, reg, index);
    checkArgOffset(env, spec, reg, name);
  }
  reg = env.reg(index);
  if (spec.release && spec.kind !== "dynptr" && !isReferenced(env, reg) && !isNull(reg)) {
    env.reject(EINVAL, `release helper ${meta.proto.name} expects referenced PTR_TO_BTF_ID passed to ${name}`);
  }
  if (spec.release) meta.releaseReg = index;
  if (isReferenced(env, reg)) meta.refId = reg.id;
  useArg(env, meta, spec, reg, index, isNullArg);
}

function useArg(env: Env, meta: CallMeta, spec: ArgSpec, reg: Reg, index: number, isNullArg: boolean): void {
  const name = REG_NAMES[index];
  const raw = spec.uninit ? { access: meta.raw, reg: index } : undefined;
  switch (spec.kind) {
    case "map":
      if (meta.map !== undefined && (meta.map !== reg.map || meta.mapUid !== reg.num)) {
        env.reject(
          EINVAL,
          `timer pointer in R1 map_uid=${meta.mapUid} doesn't match map pointer in R2 map_uid=${reg.num}`,
        );
      }
      meta.map = reg.map;
      meta.mapUid = reg.num;
      return;
    case "key":
      checkCalleeMemory(env, reg, name, meta.map!.key_size, { write: false, zeroOk: false });
      if (lookupCannotFail(meta.map!)) meta.constKey = constantKey(env, reg, meta.map!.key_size);
      return;
    case "value": {
      if (isNullArg) return;
      // a bloom filter is peeked at with the value to look for
      const peek = meta.map!.map_type === MAP_BLOOM_FILTER && meta.proto.id === ID.map_peek_elem;
      checkCalleeMemory(env, reg, name, meta.map!.value_size, {
        write: spec.write && !peek,
        zeroOk: false,
        raw: peek ? undefined : raw,
      });
      return;
    }
    case "mem":
      if (spec.size === 0) return;
      checkCalleeMemory(env, reg, name, spec.size, { write: spec.write, zeroOk: false, raw });
      checkAlignment(env, reg, 0, spec.size, true);
      return;
    case "size": {
      const mem = meta.proto.args[index - 2];
      meta.mostSize = toUnsignedNumber(reg.range.umax);
      checkSizedMemory(
        env,
        env.reg(index - 1),
        `R${index - 1}`,
        reg,
        name,
        {
          write: mem.write,
          zeroOk: spec.zero,
          raw: mem.uninit ? { access: meta.raw, reg: index - 1 } : undefined,
        },
        () => markPrecise(env, index),
      );
      return;
    }
    case "alloc_size":
      if (!reg.range.isConst) env.reject(EACCES, `${name} is not a known constant'`);
      meta.memSize = reg.range.value.lo >>> 0;
      markPrecise(env, index);
      return;
    case "str":
      return checkConstString(env, reg, name);
    case "func":
      meta.subprog = reg.num;
      return;
    case "lock":
      if (inTreeCallback(env)) env.reject(EACCES, "can't spin_{lock,unlock} in rbtree cb");
      return spinLock(env, reg, name, meta.proto.id === ID.spin_lock, REF_LOCK);
    case "timer":
      return checkMapField(env, meta, reg, name, "bpf_timer");
    case "dynptr":
      return checkDynptrArg(env, meta, spec, reg, name);
    case "percpu":
    case "btf":
      meta.btfArg = reg;
      return;
    case "kptr_dest":
      return checkKptrDest(env, meta, reg, name);
    default:
  }
}

/** The value of a key that is a constant spilled whole, or zeroes; undefined otherwise. */
function constantKey(env: Env, reg: Reg, size: number): number | undefined {
  if (reg.type !== PTR_TO_STACK || !reg.range.isConst) return undefined;
  const byte = -toNumber(reg.range.value) - 1;
  const at = slotIndex(toNumber(reg.range.value));
  const frame = frameOf(env, reg);
  const slot = frame.slots[at];
  if (slot === undefined) return undefined;
  const run = (type: number): number => {
    let count = 0;
    for (let i = byte % 8; i >= 0 && typeAt(slot.types, i) === type; i--) count++;
    return count;
  };
  if (run(STACK_ZERO) >= size) return 0;
  if (!isScalarSpill(slot) || run(STACK_SPILL) !== size || !slot.reg.range.isConst) return undefined;
  markSlotPrecise(env, reg.frameno, at);
  const value = toBigInt(slot.reg.range.value);
  return value < 1n << 53n ? Number(value) : undefined;
}

/** A string in a frozen map, terminated. */
export function checkConstString(env: Env, reg: Reg, name: string): void {
  const map = reg.map!;
  if (!isConstant(map)) env.reject(EACCES, `${name} does not point to a readonly map'`);
  if (!reg.range.isConst) env.reject(EACCES, `${name} is not a constant address'`);
  const off = toNumber(reg.range.value);
  checkMapAccess(env, reg, name, 0, map.value_size - off, false, false);
  if (!map.contents!.subarray(off).includes(0)) env.reject(EINVAL, "string is not zero-terminated");
}

/** A timer, work queue or the like inside a map value. */
export function checkMapField(
  env: Env,
  meta: { map: MapInfo | undefined; mapUid: number },
  reg: Reg,
  name: string,
  kind: FieldKind,
): void {
  const map = reg.map!;
  if (!reg.range.isConst)
    env.reject(EINVAL, `${name} doesn't have constant offset. ${kind} has to be at the constant offset`);
  if (!map.hasBtf) env.reject(EINVAL, `map '${map.name}' has to have BTF in order to use ${kind}`);
  const field = fieldOf(map.fields, kind);
  if (field === undefined) return env.reject(EINVAL, `map '${map.name}' has no valid ${kind}`);
  const off = toNumber(reg.range.value);
  if (off !== field.offset)
    env.reject(EINVAL, `off ${off} doesn't point to 'struct ${kind}' that is at ${field.offset}`);
  meta.map = map;
  meta.mapUid = reg.num;
  return undefined;
}

/** Takes or gives back a spin lock; `type` is REF_LOCK or one of the resilient kinds. */
export function spinLock(env: Env, reg: Reg, name: string, take: boolean, type: number): void {
  const { cur } = env;
  const resilient = type !== REF_LOCK;
  const word = resilient ? "bpf_res_spin" : "bpf_spin";
  if (!reg.range.isConst) {
    env.reject(EINVAL, `${name} doesn't have constant offset. ${word}_lock has to be at the constant offset`);
  }
  // a lock is told from others by the value or object it lies in
  const { map } = reg;
  const owner = map ?? reg.btf;
  if (map?.hasBtf === false) env.reject(EINVAL, `map '${map.name}' has to have BTF in order to use ${word}_lock`);
  const field = fieldOf(recordOf(env, reg), resilient ? "bpf_res_spin_lock" : "bpf_spin_lock");
  if (field === undefined) {
    return env.reject(EINVAL, `${map ? `map '${map.name}'` : "local 'kptr'"} has no valid ${word}_lock`);
  }
  const off = toNumber(reg.range.value);
  if (off !== field.offset) {
    env.reject(EINVAL, `off ${off} doesn't point to 'struct ${word}_lock' that is at ${field.offset}`);
  }
  if (take) {
    if (!resilient && cur.activeLocks > 0 && findLock(env, REF_LOCK, 0, undefined) !== undefined) {
      env.reject(EINVAL, "Locking two bpf_spin_locks are not allowed");
    }
    if (
      resilient &&
      cur.activeLocks > 0 &&
      findLock(env, REF_RES_LOCK | REF_RES_LOCK_IRQ, reg.id, owner) !== undefined
    ) {
      env.reject(EINVAL, "Acquiring the same lock again, AA deadlock detected");
    }
    acquireLock(env, type, reg.id, owner);
    return undefined;
  }
  if (cur.activeLocks === 0) env.reject(EINVAL, `${word}_unlock without taking a lock`);
  if (findLock(env, type, reg.id, owner) === undefined) env.reject(EINVAL, `${word}_unlock of different lock`);
  if (reg.id !== cur.activeLockId || owner !== cur.activeLockOwner)
    env.reject(EINVAL, `${word}_unlock cannot be out of order`);
  const protectedBefore = inRcuSection(env);
  releaseLock(env, type, reg.id, owner);
  if (protectedBefore && !inRcuSection(env)) invalidateRcu(env);
  invalidateNonOwning(env);
  return undefined;
}

const DYNPTR_KINDS: Readonly<Record<string, number>> = { local: DYNPTR_LOCAL, ringbuf: DYNPTR_RINGBUF };

function checkDynptrArg(env: Env, meta: CallMeta, spec: ArgSpec, reg: Reg, name: string): void {
  if (reg.type !== PTR_TO_STACK && reg.type !== CONST_PTR_TO_DYNPTR) {
    env.reject(EINVAL, `${name} expected pointer to stack or const struct bpf_dynptr`);
  }
  const kind = DYNPTR_KINDS[spec.dynptr] ?? 0;
  if (spec.uninit) {
    if (!dynptrFits(env, reg)) env.reject(EINVAL, "Dynptr has to be an uninitialized dynptr");
    for (let i = 0; i < 16; i += 8) checkAccess(env, reg, name, i, 8, true, -1);
    makeDynptr(env, reg, kind, env.insnIdx, meta.refId, false);
    return;
  }
  if (reg.type === CONST_PTR_TO_DYNPTR && spec.release) env.reject(EINVAL, "CONST_PTR_TO_DYNPTR cannot be released");
  const found = dynptrAt(env, reg);
  if (found === undefined) return env.reject(EINVAL, `Expected an initialized dynptr as ${name}`);
  if (kind !== 0 && found.num !== kind) env.reject(EINVAL, `Expected a dynptr of type ${dynptrName(kind)} as ${name}`);
  meta.dynptr = found;
}

function checkKptrDest(env: Env, meta: CallMeta, reg: Reg, name: string): void {
  const { map } = reg;
  if (map?.hasBtf === false) env.reject(EINVAL, `map '${map.name}' has to have BTF in order to use bpf_kptr_xchg`);
  if (map !== undefined) meta.map = map;
  const fields = recordOf(env, reg);
  if (!reg.range.isConst)
    env.reject(EINVAL, `${name} doesn't have constant offset. kptr has to be at the constant offset`);
  if (!hasField(fields, "kptr", "kptr_untrusted", "percpu_kptr")) env.reject(EINVAL, `${name} has no valid kptr`);
  const off = toNumber(reg.range.value);
  const field = fieldAt(fields, off, "kptr", "kptr_untrusted", "percpu_kptr");
  if (field === undefined) return env.reject(EACCES, `off=${off} doesn't point to kptr`);
  if (field.kind === "kptr_untrusted") env.reject(EACCES, `off=${off} kptr isn't referenced kptr`);
  meta.kptr = field;
  return undefined;
}

/* ---- the call ---- */

function lookUp(env: Env, id: number): HelperProto {
  if (id < 0 || id >= __BPF_FUNC_MAX_ID) env.reject(EINVAL, `invalid func ${helperName(id) ?? "unknown"}#${id}`);
  if (!env.type.ops.get_func_proto(id)) {
    env.reject(EINVAL, `program of this type cannot use helper ${helperName(id) ?? "unknown"}#${id}`);
  }
  return helperProto(id) ?? env.notModelled(`helper ${helperName(id)}#${id}`);
}

/** Checks a call of helper `id`. */
export function checkHelperCall(env: Env, id: number): void {
  const proto = lookUp(env, id);
  if (!env.gplCompatible && proto.gplOnly) {
    env.reject(EINVAL, "cannot call GPL-restricted function from non-GPL compatible program");
  }
  if (proto.mightSleep && !maySleepHere(env)) {
    env.reject(EINVAL, `sleepable helper ${proto.name}#${id} in ${whyNoSleep(env)}`);
  }
  const meta: CallMeta = {
    proto,
    map: undefined,
    mapUid: 0,
    raw: { size: 0, reg: 0 },
    memSize: 0,
    mostSize: 0,
    subprog: -1,
    constKey: undefined,
    dynptr: undefined,
    refId: 0,
    releaseReg: 0,
    btfArg: undefined,
    kptr: undefined,
  };
  for (let i = 0; i < proto.args.length; i++) checkArg(env, meta, i);
  recordMap(env, meta);
  for (let i = 0; i < meta.raw.size; i++) {
    checkAccess(env, env.reg(meta.raw.reg), `R${meta.raw.reg}`, i, 1, true, -1);
  }
  if (meta.releaseReg !== 0) release(env, meta);
  special(env, meta);
  clearCallerSaved(env);
  clearStackArgs(env);
  env.setReg(0, helperResult(env, meta));
  refineResult(env, meta);
  if (meta.map !== undefined && !mapFitsHelper(meta.map, id)) {
    env.reject(EINVAL, `cannot pass map_type ${meta.map.map_type} into func ${proto.name}#${id}`);
  }
  if (id === ID.tail_call) tailCall(env);
}

function recordMap(env: Env, meta: CallMeta): void {
  const { map, proto } = meta;
  if (map !== undefined && map.map_flags & BPF_F_RDONLY_PROG && MAP_WRITERS.has(proto.id)) {
    env.reject(EACCES, "write into map forbidden");
  }
  if (proto.id !== ID.tail_call) return;
  if (map === undefined || map.map_type !== MAP_PROG_ARRAY) env.reject(EINVAL, "expected prog array map for tail call");
  const index = env.reg(3);
  if (index.type === SCALAR_VALUE && index.range.isConst && toBigInt(index.range.value) < BigInt(map.max_entries)) {
    markPrecise(env, 3);
  }
}

function release(env: Env, meta: CallMeta): void {
  const reg = env.reg(meta.releaseReg);
  if (isNull(reg)) return;
  if (meta.dynptr !== undefined) return releaseDynptr(env, reg);
  // an object per CPU that went into a map stays readable to the end of the RCU section
  if (meta.proto.id === ID.kptr_xchg && inRcuSection(env) && isPerCpuObject(reg)) return keepReadable(env, reg.id);
  if (isReferenced(env, reg)) return releaseReference(env, reg.id);
  return env.refuse(EINVAL);
}

const isComposite = (kind: string): boolean => kind === "STRUCT" || kind === "UNION";
const isPerCpuObject = (reg: Reg): boolean => (reg.type & MEM_ALLOC) !== 0 && (reg.type & MEM_PERCPU) !== 0;

function keepReadable(env: Env, id: number): void {
  dropReference(env, id);
  mapRegs(env.cur, (reg) => {
    if (reg.id !== id || !isPerCpuObject(reg)) return reg;
    return withId(withType(reg, (reg.type & ~MEM_ALLOC) | MEM_RCU), 0);
  });
}

function special(env: Env, meta: CallMeta): void {
  switch (meta.proto.id) {
    case ID.tail_call:
      return checkResourceLeak(env, false, true, "tail_call");
    case ID.for_each_map_elem:
      return pushCallback(env, meta.subprog, forEachCallback(env, meta), false);
    case ID.timer_set_callback:
      return pushCallback(env, meta.subprog, timerCallback(env), false);
    case ID.find_vma:
      return pushCallback(env, meta.subprog, vmaCallback(env), false);
    case ID.user_ringbuf_drain:
      return pushCallback(env, meta.subprog, ringbufCallback(env), false);
    case ID.snprintf:
      return checkSnprintf(env);
    case ID.loop:
      return loopCall(env, meta);
    case ID.dynptr_from_mem: {
      const { type } = env.reg(1);
      if (type !== PTR_TO_MAP_VALUE) {
        env.reject(EACCES, `Unsupported reg type ${typeName(type)} for bpf_dynptr_from_mem data`);
      }
      return undefined;
    }
    case ID.per_cpu_ptr:
    case ID.this_cpu_ptr:
      if (env.reg(1).type & MEM_RCU && !isComposite(env.reg(1).btf!.kind(env.reg(1).num))) {
        env.reject(EFAULT, "Helper has invalid btf/btf_id in R1");
      }
      return undefined;
    default:
      return undefined;
  }
}

function loopCall(env: Env, meta: CallMeta): void {
  const { loopCallbacks } = env.aux;
  const before = loopCallbacks.get(env.insnIdx);
  if (before !== -2) {
    const zeroFlags = isNull(env.reg(4));
    if (zeroFlags) markPrecise(env, 4);
    const same = before === undefined || before === meta.subprog;
    loopCallbacks.set(env.insnIdx, zeroFlags && same ? meta.subprog : -2);
  }
  markPrecise(env, 1);
  const { frame } = env;
  if (frame.callbackDepth < toUnsignedNumber(env.reg(1).range.umax)) {
    pushCallback(
      env,
      meta.subprog,
      (caller, callee) => {
        callback(callee, [UNKNOWN_SCALAR, caller.regs[3]], 1);
      },
      false,
    );
    return;
  }
  frame.callbackDepth = 0;
  env.detail(() => `frame${env.cur.curframe} bpf_loop iteration limit reached\n`);
}

function checkSnprintf(env: Env): void {
  const format = env.reg(3);
  const length = env.reg(5).range.value.lo;
  if (length % 8 !== 0) env.refuse(EINVAL);
  const bytes = format.map!.contents!.subarray(toNumber(format.range.value));
  const fault = checkFormat(bytes.subarray(0, bytes.indexOf(0)), length / 8);
  if (fault !== 0) env.reject(fault, "Invalid format string");
}

/** In a function called, a tail call may return from that function. */
function tailCall(env: Env): void {
  if (env.cur.curframe === 0) return;
  if (env.frame.inCallback) env.reject(EINVAL, "cannot tail call within callback");
  env.scratchReg(0);
  env.pushState(env.insnIdx + 1, env.insnIdx);
  env.setReg(0, UNKNOWN_SCALAR);
  returnToCaller(env);
  env.insnIdx--;
}
