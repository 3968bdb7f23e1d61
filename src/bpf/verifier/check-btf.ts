// What BTF says: the functions of the program and their parameters, what lies at an offset of a kernel struct, whether one
// struct can stand for another (btf_check_*, btf_struct_walk, btf_prepare_func_args of kernel/bpf/btf.c and check_btf.c at
// v7.2).

import { BtfError, essentialName, type Btf, type BtfFuncProto, type BtfMember, type BtfType } from "../btf/index.ts";
import { EACCES, EFAULT, EINVAL, ENOENT, EOPNOTSUPP, ESRCH, type Env, type SubprogArg } from "./env.ts";
import {
  MEM_PERCPU,
  MEM_RCU,
  MEM_RDONLY,
  MEM_USER,
  PTR_TO_BTF_ID,
  PTR_TO_MEM,
  PTR_TRUSTED,
  PTR_UNTRUSTED,
  SCALAR_VALUE,
} from "./reg-state.ts";

const MAX_ARGS = 12;
const MAX_REG_ARGS = 5;

/** The kind of a type as messages spell it. */
export function kindName(type: BtfType): string {
  return type.kind === "VOID" ? "UNKNOWN" : type.kind;
}

export function isInteger(type: BtfType): boolean {
  return type.kind === "INT" || type.kind === "ENUM" || type.kind === "ENUM64";
}

/** Size of a type, or undefined when it has none. */
export function sizeOf(btf: Btf, id: number): number | undefined {
  try {
    return btf.sizeOf(id);
  } catch (error) {
    if (error instanceof BtfError) return undefined;
    throw error;
  }
}

/* ---- the program's functions ---- */

/** Attaches BTF to the functions found (check_btf_func). */
export function checkFuncInfo(env: Env): void {
  const infos = env.program.subprogs;
  env.hasFuncInfo = infos.length > 0 && infos.every((info) => info.type_id !== 0);
  if (!env.hasFuncInfo) {
    for (const info of infos) {
      const at = env.subprogAt(info.start);
      if (at >= 0) env.subprogs[at].name = info.name;
    }
    for (const sub of env.subprogs.slice(1)) {
      if (sub.hasLdAbs) env.reject(EINVAL, "LD_ABS is not allowed in subprogs without BTF");
      if (sub.hasTailCall) env.reject(EINVAL, "tail_call is not allowed in subprogs without BTF");
    }
    return;
  }
  const sorted = infos.toSorted((a, b) => a.start - b.start);
  if (sorted.length !== env.subprogs.length) {
    env.reject(EINVAL, "number of funcs in func_info doesn't match number of subprogs");
  }
  sorted.forEach((info, i) => {
    const sub = env.subprogs[i];
    if (sub.start !== info.start) {
      env.reject(EINVAL, "func_info BTF section doesn't match subprog layout in BPF program");
    }
    const proto = funcProto(env, info.type_id);
    if (proto === undefined) env.reject(EINVAL, `invalid type id ${info.type_id} in func info`);
    sub.typeId = info.type_id;
    sub.name = info.name;
    sub.global = info.global;
    const result = env.btf.resolved(proto.type);
    if (i > 0 && !isInteger(result)) {
      if (sub.hasLdAbs) env.reject(EINVAL, "LD_ABS is only allowed in functions that return 'int'.");
      if (sub.hasTailCall) env.reject(EINVAL, "tail_call is only allowed in functions that return 'int'.");
    }
  });
  checkLineInfo(env);
}

/** No line begins within a 16-byte instruction (check_btf_line). */
function checkLineInfo(env: Env): void {
  env.program.lines.forEach(({ insn }, i) => {
    if (env.insns[insn]?.code === 0) env.reject(EINVAL, `Invalid insn code at line_info[${i}].insn_off`);
  });
}

function funcProto(env: Env, id: number): BtfFuncProto | undefined {
  if (id <= 0 || id >= env.btf.nrTypes) return undefined;
  const func = env.btf.type(id);
  if (func.kind !== "FUNC" || func.type >= env.btf.nrTypes) return undefined;
  const proto = env.btf.type(func.type);
  return proto.kind === "FUNC_PROTO" ? proto : undefined;
}

/** Whether function `index` returns nothing. */
export function returnsVoid(env: Env, index: number): boolean {
  const proto = funcProto(env, env.subprogs[index].typeId);
  return proto !== undefined && env.btf.resolved(proto.type).kind === "VOID";
}

const ARG_TAGS: ReadonlySet<string> = new Set(["ctx", "trusted", "untrusted", "nonnull", "nullable", "arena"]);

/** `arg:TAG` declaration tags of parameter `index`. */
function argTags(env: Env, func: number, index: number, global: boolean): Set<string> {
  const tags = new Set<string>();
  for (const id of env.btf.ofKind("DECL_TAG")) {
    const tag = env.btf.type(id);
    if (tag.kind !== "DECL_TAG" || tag.type !== func || tag.component_idx !== index || !tag.name.startsWith("arg:"))
      continue;
    if (!global) env.reject(EOPNOTSUPP, `arg#${index} type tag is not supported in static functions`);
    const name = tag.name.slice("arg:".length);
    if (!ARG_TAGS.has(name)) env.reject(EOPNOTSUPP, `arg#${index} has unsupported set of tags`);
    tags.add(name);
  }
  return tags;
}

/** Whether the type behind a pointer is tagged `arena`. */
function pointsToArena(btf: Btf, type: BtfType & { type: number }): boolean {
  let id = type.type;
  for (let steps = 0; steps < 64; steps++) {
    const next = btf.type(id);
    if (next.kind === "TYPE_TAG" && next.name === "arena" && !next.attribute) return true;
    if (!["TYPE_TAG", "CONST", "VOLATILE", "RESTRICT", "TYPEDEF"].includes(next.kind)) return false;
    id = (next as BtfType & { type: number }).type;
  }
  return false;
}

const PLAIN: SubprogArg = { kind: "scalar", nullable: false, readonly: false, size: 0, btf_id: 0, flags: 0 };

/** Type id in the target of the struct behind a pointer, matched by name without its ___flavour. */
function kernelStruct(env: Env, index: number, id: number): number {
  const type = env.btf.resolved(id);
  const what = `arg#${index} reference type('${kindName(type)} ${type.name}')`;
  if (type.name === "") env.reject(EINVAL, `${what} candidate matching error: -${EINVAL}`);
  const found = env.target.findAllByName(essentialName(type.name), type.kind);
  if (found.length === 1) return found[0];
  return found.length === 0 ? env.reject(ENOENT, `${what} has no matches`) : env.reject(ESRCH, `${what} is ambiguous`);
}

/** Refuses a parameter tagged `arg:ctx` that points to what is no context of this type of program. */
function checkTaggedContext(env: Env, index: number, pointee: BtfType): void {
  const { contextStruct, taggedContext } = env.type;
  if (pointee.kind === "VOID") return;
  if (pointee.name === "") env.reject(EINVAL, `arg#${index} type doesn't have a name`);
  if (taggedContext === "any") return;
  if (taggedContext === "u64" && pointee.kind === "INT" && pointee.size === 8) return;
  if (contextStruct === undefined) env.reject(EINVAL, `arg#${index} should be void pointer`);
  if ((pointee.kind !== "STRUCT" && pointee.kind !== "UNION") || pointee.name !== contextStruct) {
    env.reject(EINVAL, `arg#${index} should be \`struct ${contextStruct} *\``);
  }
}

function isContext(env: Env, pointee: BtfType): boolean {
  const name = env.type.contextStruct;
  if (pointee.kind !== "STRUCT" && pointee.kind !== "UNION") return false;
  return name !== undefined && (pointee.name === name || (name === "__sk_buff" && pointee.name === "sk_buff"));
}

function pointerArg(
  env: Env,
  index: number,
  tags: ReadonlySet<string>,
  type: BtfType & { type: number },
  global: boolean,
): SubprogArg | undefined {
  const invalid = (): never => env.reject(EINVAL, `arg#${index} has invalid combination of tags`);
  const pointee = env.btf.resolved(type.type);
  if (tags.has("ctx") || isContext(env, pointee)) {
    if ([...tags].some((tag) => tag !== "ctx")) invalid();
    if (tags.has("ctx")) checkTaggedContext(env, index, pointee);
    return { ...PLAIN, kind: "ctx" };
  }
  if (pointee.kind === "STRUCT" && pointee.name === "bpf_dynptr") {
    if (tags.size > 0) invalid();
    return { ...PLAIN, kind: "dynptr" };
  }
  if (tags.has("trusted")) {
    if (tags.has("nonnull")) invalid();
    return {
      ...PLAIN,
      kind: "btf",
      btf_id: kernelStruct(env, index, type.type),
      nullable: tags.has("nullable"),
      flags: PTR_TRUSTED,
    };
  }
  if (tags.has("untrusted")) {
    if (tags.size > 1) env.reject(EINVAL, `arg#${index} untrusted cannot be combined with any other tags`);
    if (pointee.kind === "VOID" || isInteger(pointee)) {
      return { ...PLAIN, kind: "mem", flags: PTR_UNTRUSTED | MEM_RDONLY, readonly: true };
    }
    return { ...PLAIN, kind: "btf", btf_id: kernelStruct(env, index, type.type), flags: PTR_UNTRUSTED };
  }
  if (tags.has("arena")) {
    if (tags.size > 1) env.reject(EINVAL, `arg#${index} arena cannot be combined with any other tags`);
    return { ...PLAIN, kind: "arena" };
  }
  if (!global) return undefined;
  if (tags.has("nullable")) invalid();
  const size = sizeOf(env.btf, type.type);
  if (size === undefined) {
    env.reject(
      EINVAL,
      `arg#${index} reference type('${kindName(pointee)} ${pointee.name}') size cannot be determined: -22`,
    );
  }
  return { ...PLAIN, kind: "mem", size, nullable: !tags.has("nonnull") };
}

/**
 * What the parameters of function `index` are. For a static function undefined when BTF does not say; a global function must
 * say, else the program is refused.
 */
export function subprogArgs(env: Env, index: number): readonly SubprogArg[] | undefined {
  const sub = env.subprogs[index];
  if (sub.args !== undefined) return sub.args;
  const proto = env.hasFuncInfo ? funcProto(env, sub.typeId) : undefined;
  if (proto === undefined) return undefined;
  const count = proto.params.length;
  sub.argCount = count;
  if (count > MAX_ARGS) {
    env.reject(EFAULT, `kernel supports at most ${MAX_ARGS} parameters, function ${sub.name} has ${count}`);
  }
  if (count > MAX_REG_ARGS) sub.stackArgCount = count - MAX_REG_ARGS;
  if (sub.global && count > MAX_REG_ARGS) {
    env.reject(EINVAL, `global function ${sub.name} has ${count} > ${MAX_REG_ARGS} args, stack args not supported`);
  }
  const result = env.btf.resolved(proto.type);
  const arena = index > 0 && result.kind === "PTR" && pointsToArena(env.btf, result);
  if (result.kind !== "VOID" && !isInteger(result) && !arena) {
    if (!sub.global) return undefined;
    env.reject(EOPNOTSUPP, `Global function ${sub.name}() return value not void or scalar. Only those are supported.`);
  }
  const args: SubprogArg[] = [];
  for (let i = 0; i < count; i++) {
    const tags = argTags(env, sub.typeId, i, sub.global);
    const type = env.btf.resolved(proto.params[i].type);
    if (type.kind === "PTR") {
      if (pointsToArena(env.btf, type)) tags.add("arena");
      const arg = pointerArg(env, i, tags, type, sub.global);
      if (arg === undefined) return undefined;
      args.push(arg);
      continue;
    }
    if (tags.size > 0) env.reject(EINVAL, `arg#${i} has pointer tag, but is not a pointer type`);
    if (!isInteger(type)) {
      if (!sub.global) return undefined;
      env.reject(EINVAL, `Arg#${i} type ${kindName(type)} in ${sub.name}() is not supported yet.`);
    }
    args.push(PLAIN);
  }
  sub.args = args;
  return args;
}

/* ---- structs ---- */

/** What lies at an offset of a struct. */
export interface Walked {
  /** SCALAR_VALUE, PTR_TO_BTF_ID, PTR_TO_MEM (a pointer that is not to a struct) or NESTED. */
  readonly kind: number;
  readonly btf_id: number;
  readonly flags: number;
  readonly field: string;
}

/** A struct inside the struct, from its start. */
const NESTED = -1;

const POINTER_TAGS: Readonly<Record<string, number>> = { user: MEM_USER, percpu: MEM_PERCPU, rcu: MEM_RCU };

/** Follows a pointer type to what it points to, collecting the type tags that matter. */
function pointee(btf: Btf, type: BtfType & { type: number }): { id: number; flags: number } {
  let id = type.type;
  let flags = 0;
  for (let steps = 0; steps < 64; steps++) {
    const next = btf.type(id);
    if (next.kind === "TYPE_TAG") flags |= POINTER_TAGS[next.name] ?? 0;
    else if (next.kind !== "CONST" && next.kind !== "VOLATILE" && next.kind !== "RESTRICT" && next.kind !== "TYPEDEF")
      break;
    id = next.type;
  }
  return { id, flags };
}

/** Element type and count behind arrays of arrays. */
function element(btf: Btf, id: number): { id: number; count: number } {
  let count = 1;
  let at = btf.skipModifiers(id);
  for (let type = btf.type(at); type.kind === "ARRAY"; type = btf.type(at)) {
    count *= type.nelems;
    at = btf.skipModifiers(type.type);
  }
  return { id: at, count };
}

/** One step of a walk: `off` bytes into struct `id`. */
function walkStruct(env: Env, btf: Btf, id: number, off: number, size: number, flexArrays: boolean): Walked {
  let flags = 0;
  for (;;) {
    const type = btf.resolved(id);
    const name = type.name || "(anon)";
    if (type.kind !== "STRUCT" && type.kind !== "UNION") return env.reject(EINVAL, `Type '${name}' is not a struct`);
    // which member of a union is the valid one nobody knows
    if (type.kind === "UNION" && type.members.length !== 1) flags |= PTR_UNTRUSTED;
    if (off + size > type.size) {
      const inside = flexArrays ? flexElement(btf, type.members.at(-1), off) : undefined;
      if (inside === undefined) return env.reject(EACCES, `access beyond struct ${name} at off ${off} size ${size}`);
      if (inside === "scalar") return { kind: SCALAR_VALUE, btf_id: 0, flags, field: "" };
      [id, off] = inside;
      continue;
    }
    const step = findMember(env, btf, name, type.members, off, size, flags);
    if ("kind" in step) return step;
    id = step.id;
    off = step.off;
  }
}

/** The element of a trailing array without length that `off` falls into. */
function flexElement(
  btf: Btf,
  member: BtfMember | undefined,
  off: number,
): readonly [number, number] | "scalar" | undefined {
  if (member === undefined) return undefined;
  const type = btf.resolved(member.type);
  const start = member.bit_offset / 8;
  if (type.kind !== "ARRAY" || type.nelems !== 0 || off < start) return undefined;
  const id = btf.skipModifiers(type.type);
  const inner = btf.type(id);
  if (inner.kind === "INT") return "scalar";
  if ((inner.kind !== "STRUCT" && inner.kind !== "UNION") || inner.size === 0) return undefined;
  return [id, (off - start) % inner.size];
}

function findMember(
  env: Env,
  btf: Btf,
  name: string,
  members: readonly BtfMember[],
  off: number,
  size: number,
  flags: number,
): Walked | { id: number; off: number } {
  for (const member of members) {
    let start = Math.trunc(member.bit_offset / 8);
    if (off + size <= start) break;
    if (member.bitfield_size > 0) {
      const end = Math.ceil((member.bit_offset + member.bitfield_size) / 8);
      if (off <= start && end <= off + size) return { kind: SCALAR_VALUE, btf_id: 0, flags, field: "" };
      continue;
    }
    if (off < start) break;
    const whole = sizeOf(btf, member.type);
    if (whole === undefined) return env.reject(EFAULT, `field ${member.name} doesn't have size`);
    const end = start + whole;
    if (off >= end) continue;
    const { id, count } = element(btf, member.type);
    let bytes = whole;
    if (count !== 1 && whole > 0) {
      bytes = whole / count;
      start += Math.trunc((off - start) / bytes) * bytes;
    }
    const type = btf.type(id);
    if (type.kind === "STRUCT" || type.kind === "UNION") {
      if (off === start) return { kind: NESTED, btf_id: id, flags, field: member.name };
      return { id, off: off - start };
    }
    if (type.kind === "PTR") {
      if (bytes !== size || off !== start) {
        env.reject(
          EACCES,
          `cannot access ptr member ${member.name} with moff ${start} in struct ${name} with off ${off} size ${size}`,
        );
      }
      const target = pointee(btf, type);
      const behind = btf.type(target.id);
      if (behind.kind === "STRUCT" || behind.kind === "UNION") {
        return { kind: PTR_TO_BTF_ID, btf_id: target.id, flags: flags | target.flags, field: member.name };
      }
      return { kind: PTR_TO_MEM, btf_id: 0, flags, field: member.name };
    }
    if (off + size > end && !(flags & PTR_UNTRUSTED)) {
      env.reject(
        EACCES,
        `access beyond the end of member ${member.name} (mend:${end}) in struct ${name} with off ${off} size ${size}`,
      );
    }
    return { kind: SCALAR_VALUE, btf_id: 0, flags, field: member.name };
  }
  return env.reject(EINVAL, `struct ${name} doesn't have field at offset ${off}`);
}

/** What a load of `size` bytes at `off` of struct `id` yields. */
export function structAccess(env: Env, btf: Btf, id: number, off: number, size: number, isAlloc: boolean): Walked {
  let flags = 0;
  for (;;) {
    const step = walkStruct(env, btf, id, off, size, !isAlloc);
    flags |= step.flags;
    if (step.kind === PTR_TO_BTF_ID && isAlloc) return { ...step, kind: SCALAR_VALUE };
    if (step.kind === PTR_TO_MEM) return { ...step, flags: MEM_RDONLY | PTR_UNTRUSTED };
    if (step.kind !== NESTED) return { ...step, flags };
    id = step.btf_id;
    off = 0;
  }
}

/** Whether an object of struct `id` at `off` starts with one of struct `needId`. Says why not, as the kernel does. */
export function structIdsMatch(
  env: Env,
  btf: Btf,
  id: number,
  off: number,
  needBtf: Btf,
  needId: number,
  strict: boolean,
  flexArrays: boolean,
): boolean {
  const same = (at: number): boolean => at === needId && btf === needBtf;
  if (off === 0 && same(id)) return true;
  if (strict) return false;
  for (;;) {
    let step: Walked;
    try {
      step = walkStruct(env, btf, id, off, 1, flexArrays);
    } catch (error) {
      if (error instanceof Error) throw error;
      return false;
    }
    if (step.kind !== NESTED) return false;
    if (same(step.btf_id)) return true;
    id = step.btf_id;
    off = 0;
  }
}

const NOCAST = "___init";

/** Types that differ only in the suffix that forbids casting between them. */
export function isNocastAlias(a: string, b: string): boolean {
  return a === `${b}${NOCAST}` || b === `${a}${NOCAST}`;
}

/** Structs that may stand for their kernel counterpart. */
export function isProjection(projected: string, kernel: string): boolean {
  return (projected === "__sk_buff" && kernel === "sk_buff") || (projected === "xdp_md" && kernel === "xdp_buff");
}

/** Whether `struct` lists `field` (a pointer to `id`) in its companion struct `<struct><suffix>`. */
export function isListedSafe(btf: Btf, structId: number, field: string, id: number, suffix: string): boolean {
  const type = btf.resolved(structId);
  if (type.kind !== "STRUCT" && type.kind !== "UNION") return false;
  const companion = btf.findByName(`${type.name}${suffix}`, type.kind);
  if (companion === undefined) return false;
  const safe = btf.type(companion);
  if (safe.kind !== "STRUCT" && safe.kind !== "UNION") return false;
  return safe.members.some((member) => {
    const ptr = btf.type(member.type);
    return ptr.kind === "PTR" && member.name === field && btf.skipModifiers(ptr.type) === id;
  });
}

/** Whether a struct holds nothing but numbers, three levels deep. */
export function isScalarStruct(env: Env, btf: Btf, type: BtfType, depth: number): boolean {
  if (type.kind !== "STRUCT" && type.kind !== "UNION") return false;
  return type.members.every((member) => {
    let inner = btf.resolved(member.type);
    if (inner.kind === "STRUCT" || inner.kind === "UNION") {
      if (depth >= 3) {
        env.say("max struct nesting depth exceeded\n");
        return false;
      }
      return isScalarStruct(env, btf, inner, depth + 1);
    }
    if (inner.kind === "ARRAY") {
      if (inner.nelems === 0) return false;
      inner = btf.resolved(inner.type);
    }
    return isInteger(inner);
  });
}
