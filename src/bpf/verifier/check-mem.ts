// Every load and store, and every stretch of memory handed to a helper: is it inside its object, aligned, allowed, and what
// does it yield (check_mem_access and its kin in kernel/bpf/verifier.c at v7.2, for a privileged program).

import { isListedSafe, structAccess, structIdsMatch, type Walked } from "./check-btf.ts";
import { checkFixedOffset } from "./check-offset.ts";
import { checkStackBounds, checkStackRange, readStack, writeStack, type RawAccess } from "./check-stack.ts";
import { constRange } from "./bounds.ts";
import { readConstant } from "./const-fold.ts";
import { EACCES, EFAULT, EINVAL, ENOTSUPP, type Env } from "./env.ts";
import { tnumText } from "./log.ts";
import { BPF_F_RDONLY_PROG, BPF_F_WRONLY_PROG } from "./map-types.ts";
import { isConstant, MAP_STRUCTS } from "./maps.ts";
import { fieldName, hasField, type SpecialField } from "./record.ts";
import { inRcuSection, isReferenced } from "./references.ts";
import {
  baseType,
  CONST_PTR_TO_MAP,
  hasUnsafeModifiers,
  isAllocObject,
  isNonOwning,
  isNull,
  mayBeNull,
  MEM_ALLOC,
  MEM_PERCPU,
  MEM_RCU,
  MEM_RDONLY,
  MEM_USER,
  NON_OWN_REF,
  pointer,
  PTR_MAYBE_NULL,
  PTR_TO_ARENA,
  PTR_TO_BTF_ID,
  PTR_TO_CTX,
  PTR_TO_MAP_KEY,
  PTR_TO_MAP_VALUE,
  PTR_TO_MEM,
  PTR_TO_STACK,
  PTR_TRUSTED,
  PTR_UNTRUSTED,
  scalar,
  SCALAR_VALUE,
  typeName,
  UNKNOWN_SCALAR,
  unlinked,
  withRange,
  withType,
  type Reg,
} from "./reg-state.ts";
import { signExtendRange, truncate } from "./scalar-alu.ts";
import { tnumAdd, tnumConst, tnumIsAligned } from "./tnum.ts";
import {
  fromBigInt,
  fromNumber,
  ltu,
  lts,
  S64_MIN,
  eq,
  shl,
  toNumber,
  toSigned,
  toUnsignedNumber,
  U64,
  ZERO,
} from "./u64.ts";
import { markPrecise } from "./backtrack.ts";

export const MAX_VAR_OFF: number = 1 << 29;
const MAX_VAR_SIZE = 1 << 29;
const MAX_CONTEXT = 0xffff;

/* ---- inside the object ---- */

function outOfBounds(env: Env, reg: Reg, off: number, size: number, limit: number): void {
  const text = `off=${off} size=${size}\n`;
  switch (reg.type) {
    case PTR_TO_MAP_KEY:
      env.say(`invalid access to map key, key_size=${limit} ${text}`);
      break;
    case PTR_TO_MAP_VALUE:
      env.say(`invalid access to map value, value_size=${limit} ${text}`);
      break;
    case PTR_TO_CTX:
      env.say(`invalid access to context, ctx_size=${limit} ${text}`);
      break;
    default:
      env.say(`invalid access to memory, mem_size=${limit} ${text}`);
  }
}

/** Checks [off, off+size) at every possible offset of `reg` against an object of `limit` bytes. */
function checkRegion(
  env: Env,
  reg: Reg,
  name: string,
  off: number,
  size: number,
  limit: number,
  zeroOk: boolean,
): void {
  const { smin, umax } = reg.range;
  const sizeOk = size > 0 || (size === 0 && zeroOk);
  const inside = (at: number): boolean => at >= 0 && sizeOk && at + size <= limit;
  if (lts(smin, ZERO)) {
    const at = toNumber(smin) + off;
    if (eq(smin, S64_MIN) || at !== (at | 0) || at < 0) {
      env.reject(EACCES, `${name} min value is negative, either use unsigned index or do a if (index >=0) check.`);
    }
  }
  // the kernel's offsets are int here
  const low = (smin.lo + off) | 0;
  if (!inside(low)) {
    outOfBounds(env, reg, low, size, limit);
    env.reject(EACCES, `${name} min value is outside of the allowed memory range`);
  }
  if (!ltu(umax, fromNumber(MAX_VAR_OFF))) {
    env.reject(EACCES, `${name} unbounded memory access, make sure to bounds check any such access`);
  }
  const high = (umax.lo + off) | 0;
  if (!inside(high)) {
    outOfBounds(env, reg, high, size, limit);
    env.reject(EACCES, `${name} max value is outside of the allowed memory range`);
  }
}

/** Stack, context and atomic accesses are aligned to their size. */
export function checkAlignment(env: Env, reg: Reg, off: number, size: number, strict: boolean): void {
  let what = "";
  switch (reg.type) {
    case PTR_TO_ARENA:
      return;
    case PTR_TO_MAP_KEY:
      what = "key ";
      break;
    case PTR_TO_MAP_VALUE:
      what = "value ";
      break;
    case PTR_TO_CTX:
      what = "context ";
      break;
    case PTR_TO_STACK:
      what = "stack ";
      strict = true;
      break;
    default:
  }
  if (!strict || size === 1) return;
  if (tnumIsAligned(tnumAdd(reg.range.bits, tnumConst(fromNumber(off))), size)) return;
  env.reject(EACCES, `misaligned ${what}access off ${tnumText(reg.range.bits)}+${off} size ${size}`);
}

/* ---- maps ---- */

function checkMapMode(env: Env, reg: Reg, off: number, size: number, write: boolean): void {
  const map = reg.map!;
  const at = toSigned(reg.range.smin) + BigInt(off);
  if (write && map.map_flags & BPF_F_RDONLY_PROG) {
    env.reject(EACCES, `write into map forbidden, value_size=${map.value_size} off=${at} size=${size}`);
  }
  if (!write && map.map_flags & BPF_F_WRONLY_PROG) {
    env.reject(EACCES, `read from map forbidden, value_size=${map.value_size} off=${at} size=${size}`);
  }
}

const isKptr = (field: SpecialField): boolean =>
  field.kind === "kptr" || field.kind === "kptr_untrusted" || field.kind === "percpu_kptr" || field.kind === "uptr";

/** An access to a map value: inside it, and not into a special field. */
export function checkMapAccess(
  env: Env,
  reg: Reg,
  name: string,
  off: number,
  size: number,
  zeroOk: boolean,
  direct: boolean,
): void {
  const map = reg.map!;
  checkRegion(env, reg, name, off, size, map.value_size, zeroOk);
  const low = toNumber(reg.range.smin) + off;
  const high = toUnsignedNumber(reg.range.umax) + off + size;
  for (const field of map.fields) {
    if (low >= field.offset + field.size || field.offset >= high) continue;
    const kind = fieldName(field.kind);
    if (!isKptr(field)) env.reject(EACCES, `${kind} cannot be accessed directly by load/store`);
    if (!direct) env.reject(EACCES, `${kind} cannot be accessed indirectly by helper`);
    if (!reg.range.isConst) env.reject(EACCES, `${kind} access cannot have variable offset`);
    const at = toNumber(reg.range.value) + off;
    if (field.offset !== at) env.reject(EACCES, `${kind} access misaligned expected=${field.offset} off=${at}`);
    if (size !== 8) env.reject(EACCES, `${kind} access size must be BPF_DW`);
  }
}

/** Types of kernel objects that stay valid until the end of an RCU section. */
const RCU_PROTECTED: ReadonlySet<string> = new Set([
  "prog_test_ref_kfunc",
  "cgroup",
  "bpf_cpumask",
  "task_struct",
  "bpf_crypto_ctx",
]);

function loadKptr(env: Env, field: SpecialField, dst: number): void {
  if (field.kind === "uptr") {
    const memory = pointer(PTR_TO_MEM | PTR_MAYBE_NULL);
    memory.num = field.btf!.sizeOf(field.btf_id);
    memory.id = env.nextId();
    env.setReg(dst, memory);
    return;
  }
  const own = field.btf !== env.target;
  const rcuSafe =
    field.kind === "percpu_kptr" ||
    (field.kind === "kptr" && (own || RCU_PROTECTED.has(field.btf.nameOf(field.btf_id))));
  let type = PTR_TO_BTF_ID | PTR_MAYBE_NULL;
  if (rcuSafe && inRcuSection(env)) {
    type |= MEM_RCU;
    if (field.kind === "percpu_kptr") type |= MEM_PERCPU;
    else if (own) type |= MEM_ALLOC;
    // one that is linked elsewhere is not owned through this pointer
    const fields = own ? env.objects.get(field.btf_id) : undefined;
    if (fields !== undefined && hasField(fields, "bpf_list_node", "bpf_rb_node")) type |= NON_OWN_REF;
  } else {
    type |= PTR_UNTRUSTED;
  }
  const reg = pointer(type);
  reg.btf = field.btf;
  reg.num = field.btf_id;
  reg.id = env.nextId();
  env.setReg(dst, reg);
}

/** A pointer to be kept in a map must be of the kind the map's value names. */
export function checkKptrMatch(env: Env, field: SpecialField, reg: Reg, name: string): void {
  const struct = field.btf!.nameOf(field.btf_id);
  const untrusted = field.kind === "kptr_untrusted";
  const kernel = reg.btf === env.target;
  const perCpu = field.kind === "percpu_kptr";
  const allowed = kernel
    ? PTR_MAYBE_NULL | PTR_TRUSTED | MEM_RCU | (untrusted ? PTR_UNTRUSTED : 0)
    : PTR_MAYBE_NULL | MEM_ALLOC | (perCpu ? MEM_PERCPU : 0);
  const bad = (own: string): never => {
    env.say(`invalid kptr access, ${name} type=${typeName(reg.type)}${own} `);
    return env.reject(EACCES, `expected=ptr_${struct}${untrusted ? ` or untrusted_ptr_${struct}` : ""}`);
  };
  const fits = baseType(reg.type) === PTR_TO_BTF_ID && (reg.type & ~0xff & ~allowed) === 0;
  if (!fits || perCpu !== ((reg.type & MEM_PERCPU) !== 0)) bad("");
  checkFixedOffset(env, reg, name, true);
  const off = toNumber(reg.range.value);
  if (!structIdsMatch(env, reg.btf!, reg.num, off, field.btf!, field.btf_id, !untrusted, !(reg.type & MEM_ALLOC)))
    bad(reg.btf!.nameOf(reg.num));
}

function accessKptr(env: Env, field: SpecialField, write: boolean, valueReg: number, plain: boolean): void {
  if (!plain) env.reject(EACCES, "kptr in map can only be accessed using BPF_MEM instruction mode");
  if (!write) return loadKptr(env, field, valueReg);
  if (field.kind === "kptr" || field.kind === "percpu_kptr") env.reject(EACCES, "store to referenced kptr disallowed");
  if (field.kind === "uptr") env.reject(EACCES, "store to uptr disallowed");
  if (valueReg < 0) {
    if (env.insns[env.insnIdx].imm !== 0)
      env.reject(EACCES, `BPF_ST imm must be 0 when storing to kptr at off=${field.offset}`);
    return;
  }
  if (isNull(env.reg(valueReg))) return markPrecise(env, valueReg);
  return checkKptrMatch(env, field, env.reg(valueReg), `R${valueReg}`);
}

/* ---- kernel objects ---- */

/** Whether the kernel vouches for the object behind the pointer. */
export function isTrusted(env: Env, reg: Reg): boolean {
  if (isReferenced(env, reg)) return true;
  if (baseType(reg.type) === CONST_PTR_TO_MAP && !hasUnsafeModifiers(reg.type)) return true;
  return (reg.type & (MEM_ALLOC | PTR_TRUSTED)) !== 0 && !hasUnsafeModifiers(reg.type);
}

/** Trust in a pointer loaded from an object, from the trust in the object. */
function inheritedFlags(env: Env, reg: Reg, walked: Walked): number {
  const { field, btf_id: id } = walked;
  let { flags } = walked;
  if (reg.type & PTR_UNTRUSTED) return PTR_UNTRUSTED;
  const distrust = (): number => flags & ~(MEM_ALLOC | PTR_TRUSTED | MEM_RCU);
  if (!isTrusted(env, reg) && !(reg.type & MEM_RCU)) return distrust();
  const listed = (suffix: string): boolean => isListedSafe(reg.btf!, reg.num, field, id, suffix);
  if (listed("__safe_trusted")) return flags | PTR_TRUSTED;
  if (listed("__safe_trusted_or_null")) return flags | PTR_TRUSTED | PTR_MAYBE_NULL;
  if (!inRcuSection(env) || mayBeNull(reg.type)) return PTR_UNTRUSTED;
  if (listed("__safe_rcu")) return flags | MEM_RCU;
  const orNull = listed("__safe_rcu_or_null");
  if (flags & MEM_RCU || orNull) {
    flags |= MEM_RCU | PTR_MAYBE_NULL;
    return orNull ? flags & ~PTR_UNTRUSTED : flags;
  }
  return flags & (MEM_PERCPU | MEM_USER) ? flags : distrust();
}

function loadResult(env: Env, reg: Reg, walked: Walked, flags: number): Reg {
  switch (walked.kind) {
    case PTR_TO_BTF_ID: {
      const out = pointer(PTR_TO_BTF_ID | flags);
      out.btf = reg.btf ?? env.target;
      out.num = walked.btf_id;
      if (flags & PTR_MAYBE_NULL) out.id = env.nextId();
      return out;
    }
    case PTR_TO_MEM:
      return pointer(PTR_TO_MEM | flags);
    default:
      return UNKNOWN_SCALAR;
  }
}

function accessBtf(
  env: Env,
  reg: Reg,
  name: string,
  off: number,
  size: number,
  write: boolean,
  valueReg: number,
): void {
  const btf = reg.btf!;
  const struct = btf.nameOf(reg.num);
  if (!env.gplCompatible && btf === env.target) {
    env.reject(EINVAL, `Cannot access kernel 'struct ${struct}' from non-GPL compatible program`);
  }
  if (!reg.range.isConst) {
    env.reject(
      EACCES,
      `${name} is ptr_${struct} invalid variable offset: off=${off}, var_off=${tnumText(reg.range.bits)}`,
    );
  }
  const at = toNumber(reg.range.value) + off;
  if (at < 0) env.reject(EACCES, `${name} is ptr_${struct} invalid negative access: off=${at}`);
  if (reg.type & MEM_USER) env.reject(EACCES, `${name} is ptr_${struct} access user memory: off=${at}`);
  if (reg.type & MEM_PERCPU) env.reject(EACCES, `${name} is ptr_${struct} access percpu memory: off=${at}`);
  if (write && reg.type & PTR_UNTRUSTED) env.reject(EACCES, "only read is supported");
  if (write && !(reg.type & MEM_ALLOC)) {
    const allowed = env.type.ops.btf_struct_access?.(struct, { off: at, size, write, target: env.target });
    if (allowed === undefined) env.reject(EACCES, "only read is supported");
    if (!allowed) {
      env.reject(EACCES, `${name} cannot write into ptr_${struct} at off=${at} size=${size}`);
    }
    return;
  }
  if (write && !isAllocObject(reg.type)) env.reject(EACCES, "only read is supported");
  const allocated = (reg.type & MEM_ALLOC) !== 0;
  if (allocated && !isNonOwning(reg.type) && !(reg.type & MEM_RCU) && !isReferenced(env, reg)) {
    env.reject(EFAULT, "verifier bug: allocated object must have a referenced id");
  }
  if (allocated) checkNoField(env, reg, at, size);
  const walked = structAccess(env, btf, reg.num, at, size, allocated);
  const flags = walked.kind === PTR_TO_BTF_ID ? inheritedFlags(env, reg, walked) : walked.flags;
  if (!write && valueReg >= 0) env.setReg(valueReg, loadResult(env, reg, walked, flags));
}

/** Locks, nodes and the like of an object are not read or written directly. */
function checkNoField(env: Env, reg: Reg, off: number, size: number): void {
  const fields = reg.btf === env.btf ? env.objects.get(reg.num) : undefined;
  const field = fields?.find((each) => off < each.offset + each.size && each.offset < off + size);
  if (field !== undefined) env.reject(EACCES, `direct access to ${fieldName(field.kind)} is disallowed`);
}

function accessMapPointer(
  env: Env,
  reg: Reg,
  name: string,
  off: number,
  size: number,
  write: boolean,
  valueReg: number,
): void {
  const map = reg.map!;
  const struct = MAP_STRUCTS[map.map_type];
  const id = struct === undefined ? undefined : env.target.findByName(struct, "STRUCT");
  if (struct === undefined || id === undefined) {
    return env.reject(ENOTSUPP, `map_ptr access not supported for map type ${map.map_type}`);
  }
  if (off < 0) env.reject(EACCES, `${name} is ${struct} invalid negative access: off=${off}`);
  if (write) env.reject(EACCES, `only read from ${struct} is supported`);
  const walked = structAccess(env, env.target, id, off, size, false);
  if (valueReg >= 0) env.setReg(valueReg, loadResult(env, reg, walked, walked.flags));
}

/* ---- the context ---- */

function accessContext(
  env: Env,
  reg: Reg,
  name: string,
  off: number,
  size: number,
  write: boolean,
  valueReg: number,
): void {
  if (env.type.variableContext) checkRegion(env, reg, name, off, size, MAX_CONTEXT, false);
  else checkFixedOffset(env, reg, name, env.type.fixedContextOffset ?? false);
  const at = off + toUnsignedNumber(reg.range.umax);
  const field = env.type.ops.is_valid_access({ off: at, size, write, target: env.target });
  if (field === undefined) {
    explainContext(env, at, size, write);
    env.say(`invalid bpf_context access off=${at} size=${size}\n`);
    env.traceLine(env.insnIdx, "; ");
    env.refuse(EACCES);
  }
  if (field.kind === "unmodelled") env.notModelled(field.what);
  if (write || valueReg < 0) return;
  if (field.kind === "scalar") {
    env.setReg(valueReg, UNKNOWN_SCALAR);
    return;
  }
  if (env.type.attach !== undefined) {
    const { kind, name: struct } = env.target.type(field.btf_id);
    env.say(`func '${env.type.attach.member}' arg${at / 8} has btf_id ${field.btf_id} type ${kind} '${struct}'\n`);
  }
  const out = pointer(PTR_TO_BTF_ID | (field.trusted ? PTR_TRUSTED : 0));
  out.btf = env.target;
  out.num = field.btf_id;
  env.setReg(valueReg, out);
}

/** Arguments of a struct_ops member: the kernel says which rule of theirs was broken. */
function explainContext(env: Env, off: number, size: number, write: boolean): void {
  const { attach } = env.type;
  if (attach === undefined || write || off < 0 || off >= 12 * 8 || off % size !== 0) return;
  if (off % 8 !== 0) {
    env.say(`func '${attach.member}' offset ${off} is not multiple of 8\n`);
    return;
  }
  const struct = env.target.findByName(attach.struct, "STRUCT");
  if (struct === undefined) return;
  const type = env.target.type(struct);
  const member = type.kind === "STRUCT" ? type.members.find((m) => m.name === attach.member) : undefined;
  const ptr = member === undefined ? undefined : env.target.resolved(member.type);
  const proto = ptr?.kind === "PTR" ? env.target.resolved(ptr.type) : undefined;
  if (proto?.kind !== "FUNC_PROTO") return;
  // the result comes after the parameters, and everything else as one more
  const arg = Math.min(off / 8, proto.params.length + 1);
  if (arg >= proto.params.length) env.say(`func '${attach.member}' doesn't have ${arg + 1}-th argument\n`);
  else if (size !== 8) env.say(`func '${attach.member}' size ${size} must be 8\n`);
}

/* ---- loads and stores ---- */

/** How an access is made. */
export interface AccessOptions {
  /** Natural alignment whatever the pointer. */
  readonly strict?: boolean;
  readonly signExtend?: boolean;
  /** False for atomics and the like. */
  readonly plain?: boolean;
}

/**
 * Checks a load into, or a store from, register `valueReg` (-1: none) of `size` bytes at `reg + off`. `name` is the pointer
 * register as messages call it.
 */
export function checkAccess(
  env: Env,
  reg: Reg,
  name: string,
  off: number,
  size: number,
  write: boolean,
  valueReg: number,
  options: AccessOptions = {},
): void {
  checkAlignment(env, reg, off, size, options.strict ?? false);
  const base = baseType(reg.type);
  const nullable = mayBeNull(reg.type);
  const load = !write && valueReg >= 0;
  if (reg.type === PTR_TO_MAP_KEY) {
    if (write) env.reject(EACCES, `write to change key ${name} not allowed`);
    checkRegion(env, reg, name, off, size, reg.map!.key_size, false);
    if (load) env.setReg(valueReg, UNKNOWN_SCALAR);
  } else if (reg.type === PTR_TO_MAP_VALUE) {
    accessMapValue(env, reg, name, off, size, write, valueReg, options);
  } else if (base === PTR_TO_MEM) {
    if (nullable) env.reject(EACCES, `${name} invalid mem access '${typeName(reg.type)}'`);
    const readonly = (reg.type & MEM_RDONLY) !== 0;
    if (write && readonly) env.reject(EACCES, `${name} cannot write into ${typeName(reg.type)}`);
    // loads through untrusted pointers fault safely
    if (!readonly || !(reg.type & PTR_UNTRUSTED)) checkRegion(env, reg, name, off, size, reg.num, false);
    if (load) env.setReg(valueReg, UNKNOWN_SCALAR);
  } else if (reg.type === PTR_TO_CTX) {
    accessContext(env, reg, name, off, size, write, valueReg);
  } else if (reg.type === PTR_TO_STACK) {
    checkStackBounds(env, reg, name, off, size, write);
    if (write) writeStack(env, reg, off, size, valueReg);
    else readStack(env, reg, name, off, size, valueReg);
  } else if (base === PTR_TO_BTF_ID && !nullable) {
    accessBtf(env, reg, name, off, size, write, valueReg);
  } else if (reg.type === CONST_PTR_TO_MAP) {
    accessMapPointer(env, reg, name, off, size, write, valueReg);
  } else if (reg.type === PTR_TO_ARENA) {
    // any address is one of the arena's, or faults safely
    if (load) env.setReg(valueReg, UNKNOWN_SCALAR);
  } else {
    env.reject(EACCES, `${name} invalid mem access '${typeName(reg.type)}'`);
  }
  if (load && size < 8) narrowLoad(env, valueReg, size, options.signExtend ?? false);
}

function narrowLoad(env: Env, dst: number, size: number, signExtend: boolean): void {
  const reg = env.reg(dst);
  if (reg.type !== SCALAR_VALUE) return;
  if (!signExtend) {
    env.setReg(dst, withRange(reg, truncate(reg.range, size)));
    return;
  }
  const positive = ltu(reg.range.umax, shl(new U64(0, 1), size * 8 - 1));
  const out = withRange(reg, signExtendRange(reg.range, size));
  env.setReg(dst, positive ? out : unlinked(out));
}

function accessMapValue(
  env: Env,
  reg: Reg,
  name: string,
  off: number,
  size: number,
  write: boolean,
  valueReg: number,
  options: AccessOptions,
): void {
  const map = reg.map!;
  checkMapMode(env, reg, off, size, write);
  checkMapAccess(env, reg, name, off, size, false, true);
  const { range } = reg;
  const field = range.isConst
    ? map.fields.find((f) => isKptr(f) && f.offset === toNumber(range.value) + off)
    : undefined;
  if (field !== undefined) {
    accessKptr(env, field, write, valueReg, options.plain ?? true);
    return;
  }
  if (write || valueReg < 0) return;
  if (range.isConst && isConstant(map)) {
    const value = readConstant(map, toNumber(range.value) + off, size, options.signExtend ?? false);
    if (value === undefined) return env.reject(EINVAL, "invalid access to a constant of a map");
    env.setReg(valueReg, scalar(constRange(fromBigInt(value))));
    return;
  }
  env.setReg(valueReg, UNKNOWN_SCALAR);
}

/* ---- memory handed to helpers ---- */

/** How a callee uses memory. */
export interface CalleeUse {
  readonly write: boolean;
  readonly zeroOk: boolean;
  /** Written without being read: register number of the pointer. */
  readonly raw?: { readonly access: RawAccess; readonly reg: number } | undefined;
  /** Dead stack bytes may be read. */
  readonly poisonOk?: boolean;
}

/** Checks `size` bytes behind a pointer argument. */
export function checkCalleeMemory(env: Env, reg: Reg, name: string, size: number, use: CalleeUse): void {
  switch (baseType(reg.type)) {
    case PTR_TO_MAP_KEY:
      if (use.write) env.reject(EACCES, `${name} cannot write into ${typeName(reg.type)}`);
      return checkRegion(env, reg, name, 0, size, reg.map!.key_size, false);
    case PTR_TO_MAP_VALUE:
      checkMapMode(env, reg, 0, size, use.write);
      return checkMapAccess(env, reg, name, 0, size, use.zeroOk, false);
    case PTR_TO_MEM:
      if (use.write && reg.type & MEM_RDONLY) env.reject(EACCES, `${name} cannot write into ${typeName(reg.type)}`);
      return checkRegion(env, reg, name, 0, size, reg.num, use.zeroOk);
    case PTR_TO_STACK:
      return checkStackRange(env, reg, name, 0, size, {
        zeroOk: use.zeroOk,
        write: use.write,
        raw: use.raw,
        poisonOk: use.poisonOk ?? false,
      });
    case PTR_TO_BTF_ID:
      return accessBtf(env, reg, name, 0, size, use.write, -1);
    case PTR_TO_CTX:
      if (env.type.variableContext) return checkRegion(env, reg, name, 0, size, MAX_CONTEXT, use.zeroOk);
      break;
    default:
  }
  if (use.zeroOk && size === 0 && isNull(reg)) return undefined;
  return env.reject(EACCES, `${name} type=${typeName(reg.type)} expected=${typeName(PTR_TO_STACK)}`);
}

/** Checks a pointer and size pair of arguments; the size becomes precise. */
export function checkSizedMemory(
  env: Env,
  mem: Reg,
  memName: string,
  size: Reg,
  sizeName: string,
  use: CalleeUse,
  markSize: () => void,
): void {
  const { range } = size;
  const plain = range.isConst ? use : { ...use, raw: undefined };
  if (lts(range.smin, ZERO)) {
    env.reject(EACCES, `${sizeName} min value is negative, either use unsigned or 'var &= const'`);
  }
  if (eq(range.umin, ZERO) && !use.zeroOk) {
    env.reject(EACCES, `${sizeName} invalid zero-sized read: u64=[${toSigned(range.umin)},${toSigned(range.umax)}]`);
  }
  if (!ltu(range.umax, fromNumber(MAX_VAR_SIZE))) {
    env.reject(EACCES, `${sizeName} unbounded memory access, use 'var &= const' or 'if (var < const)'`);
  }
  checkCalleeMemory(env, mem, memName, toUnsignedNumber(range.umax), plain);
  markSize();
}

/** Memory of fixed size that is read and written; null is no memory. */
export function checkFixedMemory(env: Env, reg: Reg, name: string, size: number): void {
  if (isNull(reg)) return;
  if (size > 0x7fff_ffff) env.reject(EACCES, `${name} memory size ${size} is too large`);
  const settled = notNull(reg);
  checkCalleeMemory(env, settled, name, size, { write: false, zeroOk: true, poisonOk: true });
  checkCalleeMemory(env, settled, name, size, { write: true, zeroOk: true, poisonOk: true });
}

/** The pointer after a null check. What a map of maps holds turns out to be a map. */
export function notNull(reg: Reg): Reg {
  if (!mayBeNull(reg.type)) return reg;
  const copy = withType(reg, reg.type & ~PTR_MAYBE_NULL);
  const inner = baseType(reg.type) === PTR_TO_MAP_VALUE ? reg.map?.inner : undefined;
  if (inner === undefined) return copy;
  copy.type = CONST_PTR_TO_MAP;
  copy.map = inner;
  copy.num = hasField(inner.fields, "bpf_timer", "bpf_wq", "bpf_task_work") ? reg.id : 0;
  return copy;
}
