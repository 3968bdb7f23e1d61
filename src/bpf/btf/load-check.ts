// What Linux checks of BTF before it takes it: names, sizes, that every reference leads to a type that fits, and that no type
// contains itself (btf_check_all_metas and btf_check_all_types of kernel/bpf/btf.c at v7.2). Clang describes functions and
// variables of the kernel too; a loader replaces those by `const void`, which keeps all other ids.

import { viewOf } from "../../base/index.ts";
import type { Btf } from "./btf.ts";
import { BTF_EXTERN, BTF_GLOBAL } from "./builder.ts";
import {
  BTF_INT_BOOL,
  BTF_INT_CHAR,
  BTF_INT_SIGNED,
  BTF_TYPE_SIZE,
  KIND_NUMBER,
  kindFlagOf,
  KINDS,
  kindOf,
  vlenOf,
} from "./kinds.ts";
import type {
  BtfArray,
  BtfComposite,
  BtfDatasec,
  BtfDeclTag,
  BtfFunc,
  BtfFuncProto,
  BtfKind,
  BtfMember,
  BtfType,
} from "./types.ts";

const IDENTIFIER = /^[A-Za-z_.][A-Za-z0-9_.]{0,511}$/;
const SECTION = /^[\x20-\x7e]{1,512}$/;
const INT_DATA = 0x0fffffff;
const ENCODINGS = [0, BTF_INT_SIGNED, BTF_INT_CHAR, BTF_INT_BOOL];
const MOST_BITS = 128;
const POINTER_SIZE = 8;
const FLOAT_SIZES = [2, 4, 8, 12, 16];
const MAX_RESOLVE_DEPTH = 32;
const U32_MAX = 0xffff_ffff;
/** Of a bitfield of an enum at most, and of a plain member beside bitfields, whatever the enum's size. */
const ENUM_BITS = 32;
/** Kinds whose kind_flag means something. */
const FLAGGED: ReadonlySet<BtfKind> = new Set(["STRUCT", "UNION", "ENUM", "ENUM64", "FWD", "TYPE_TAG", "DECL_TAG"]);
const NAMED: ReadonlySet<BtfKind> = new Set(["TYPEDEF", "FWD", "FUNC", "VAR"]);
const NAMELESS: ReadonlySet<BtfKind> = new Set(["PTR", "CONST", "VOLATILE", "RESTRICT", "ARRAY", "FUNC_PROTO"]);
/** Of these Linux takes any name. */
const UNCHECKED: ReadonlySet<BtfKind> = new Set(["INT", "FLOAT"]);
const MODIFIERS: ReadonlySet<BtfKind> = new Set(["TYPEDEF", "CONST", "VOLATILE", "RESTRICT", "TYPE_TAG"]);
const COMPOSITES: ReadonlySet<BtfKind> = new Set(["STRUCT", "UNION"]);
const SIZELESS: ReadonlySet<BtfKind> = new Set(["VOID", "FWD", "FUNC", "FUNC_PROTO", "DECL_TAG"]);
/** These are about other types; no type is made of them. */
const SOURCES: ReadonlySet<BtfKind> = new Set(["VAR", "DECL_TAG", "DATASEC"]);
/** These refer to no type, or are checked by themselves. */
const LEAVES: ReadonlySet<BtfKind> = new Set(["VOID", "INT", "ENUM", "ENUM64", "FLOAT", "FWD", "FUNC_PROTO"]);
const TAGGED: ReadonlySet<BtfKind> = new Set(["FUNC", "STRUCT", "UNION", "VAR", "TYPEDEF"]);
const CONST_VOID: BtfType = { kind: "CONST", name: "", type: 0 };

type Referring = BtfType & { readonly type: number };

/** Ids of the types of an object that stand for what the kernel has. */
export function replacedTypes(btf: Btf): ReadonlySet<number> {
  const ids = new Set<number>();
  for (const kind of ["FUNC", "VAR"] as const) {
    for (const id of btf.ofKind(kind)) if ((btf.type(id) as BtfFunc).linkage === BTF_EXTERN) ids.add(id);
  }
  for (const id of btf.ofKind("DATASEC")) if (btf.nameOf(id) === ".ksyms") ids.add(id);
  for (const id of btf.ofKind("DECL_TAG")) if (ids.has((btf.type(id) as Referring).type)) ids.add(id);
  return ids;
}

/** Ends the check. */
class Problem extends Error {}

/** What Linux says when it refuses the BTF of an object, `[id] KIND name reason`; undefined when it takes it. */
export function loadProblem(btf: Btf): string | undefined {
  const replaced = replacedTypes(btf);
  const types: BtfType[] = [{ kind: "VOID", name: "" }];
  for (let id = 1; id < btf.nrTypes; id++) types.push(replaced.has(id) ? CONST_VOID : btf.type(id));
  const flagged = new Set<number>();
  try {
    types.forEach((type, id) => {
      if (id === 0 || replaced.has(id)) return;
      const raw = viewOf(btf.rawType(id));
      const why = malformed(type, raw);
      if (why !== undefined) fail(types, id, why);
      if (kindFlagOf(raw.getUint32(4, true))) flagged.add(id);
    });
    new References(types, flagged).check();
    return undefined;
  } catch (error) {
    if (error instanceof Problem) return error.message;
    throw error;
  }
}

function fail(types: readonly BtfType[], id: number, why: string): never {
  throw new Problem(`[${id}] ${types[id].kind} ${types[id].name || "(anon)"} ${why}`);
}

/* ---- each type by itself ---- */

function malformed(type: BtfType, raw: DataView): string | undefined {
  const info = raw.getUint32(4, true);
  if (KINDS[kindOf(info)].element === 0 && type.kind !== "FUNC" && vlenOf(info) !== 0) return "vlen != 0";
  if (kindFlagOf(info) && !FLAGGED.has(type.kind)) return "Invalid btf_info kind_flag";
  const { kind, name } = type;
  if (NAMELESS.has(kind) ? name !== "" : !nameFits(kind, name)) return "Invalid name";
  if (hasEmptyName(raw, type)) return "Invalid name";
  if ((kind === "ARRAY" || kind === "FWD") && raw.getUint32(8, true) !== 0) return "size or type != 0";
  switch (kind) {
    case "INT":
      return malformedInt(raw.getUint32(12, true), type.size);
    case "ENUM":
    case "ENUM64":
      if (![1, 2, 4, 8].includes(type.size)) return "Unexpected size";
      return type.values.every((value) => IDENTIFIER.test(value.name)) ? undefined : "Invalid name";
    case "FLOAT":
      return FLOAT_SIZES.includes(type.size) ? undefined : "Invalid type_size";
    case "STRUCT":
    case "UNION":
      return malformedMembers(type);
    case "FUNC":
      return type.linkage > BTF_GLOBAL ? "Invalid func linkage" : undefined;
    case "VAR":
      return type.linkage > BTF_GLOBAL ? "Linkage not supported" : undefined;
    case "DATASEC":
      return malformedSection(type);
    case "DECL_TAG":
      return type.component_idx < -1 ? "Invalid component_idx" : undefined;
    default:
      return undefined;
  }
}

/** A name that is there but empty, of the type or of one of its members or parameters. */
function hasEmptyName(raw: DataView, type: BtfType): boolean {
  if (UNCHECKED.has(type.kind)) return false;
  if (type.name === "" && raw.getUint32(0, true) !== 0) return true;
  const { element } = KINDS[KIND_NUMBER[type.kind]];
  let parts: readonly { readonly name: string }[] = [];
  if ("members" in type) parts = type.members;
  else if ("params" in type) parts = type.params;
  return parts.some(({ name }, i) => name === "" && raw.getUint32(BTF_TYPE_SIZE + i * element, true) !== 0);
}

function nameFits(kind: BtfKind, name: string): boolean {
  if (kind === "DATASEC") return SECTION.test(name);
  if (kind === "TYPE_TAG" || kind === "DECL_TAG") return name !== "";
  if (NAMED.has(kind)) return IDENTIFIER.test(name);
  return name === "" || UNCHECKED.has(kind) || IDENTIFIER.test(name);
}

function malformedInt(data: number, size: number): string | undefined {
  if ((data & ~INT_DATA) !== 0) return `Invalid int_data:${data.toString(16)}`;
  const bits = (data & 0xff) + ((data >>> 16) & 0xff);
  if (bits > MOST_BITS) return `nr_bits exceeds ${MOST_BITS}`;
  if (Math.ceil(bits / 8) > size) return "nr_bits exceeds type_size";
  return ENCODINGS.includes(data >>> 24) ? undefined : "Unsupported encoding";
}

function malformedMembers({ kind, size, members }: BtfComposite): string | undefined {
  let last = 0;
  for (const { name, bit_offset } of members) {
    if (name !== "" && !IDENTIFIER.test(name)) return `member ${name}: Invalid name`;
    if ((kind === "UNION" && bit_offset !== 0) || bit_offset < last)
      return `member ${name}: Invalid member bits_offset`;
    if (Math.ceil(bit_offset / 8) > size) return `member ${name}: Member bits_offset exceeds its struct size`;
    last = bit_offset;
  }
  return undefined;
}

function malformedSection({ size, vars }: BtfDatasec): string | undefined {
  if (size === 0) return "size == 0";
  let end = 0;
  for (const secinfo of vars) {
    const where = `type_id=${secinfo.type}:`;
    if (secinfo.offset < end || secinfo.offset >= size) return `${where} Invalid offset`;
    if (secinfo.size === 0 || secinfo.size > size) return `${where} Invalid size`;
    end = secinfo.offset + secinfo.size;
    if (end > size) return `${where} Invalid offset+size`;
  }
  return undefined;
}

/* ---- what types refer to ---- */

/** Whether a type ends a walk of references; which ones do depends on what the walk began with. */
type Stops = (kind: BtfKind) => boolean;

const STOPS: Stops = (kind) => LEAVES.has(kind);
const STOPS_POINTER: Stops = (kind) => !MODIFIERS.has(kind) && kind !== "PTR";
const STOPS_VALUE: Stops = (kind) => !MODIFIERS.has(kind) && kind !== "ARRAY" && !COMPOSITES.has(kind);

class References {
  readonly #types: readonly BtfType[];
  /** Structs and unions whose members may be bitfields. */
  readonly #flagged: ReadonlySet<number>;
  /** Types being resolved, and those that are. */
  readonly #open: Set<number> = new Set();
  readonly #done: Set<number> = new Set();
  /** Ids behind resolved modifiers and functions; sizes of resolved arrays. */
  readonly #behindOf: Map<number, number> = new Map();
  readonly #arraySize: Map<number, number> = new Map();
  #root = 0;
  #stops: Stops | undefined = undefined;

  constructor(types: readonly BtfType[], flagged: ReadonlySet<number>) {
    this.#types = types;
    this.#flagged = flagged;
  }

  /** Throws Problem. */
  check(): void {
    this.#types.forEach((type, id) => {
      if (type.kind === "FUNC_PROTO") this.#proto(id, type);
      else this.#begin(id);
    });
  }

  #fail(id: number, why: string): never {
    return fail(this.#types, id, why);
  }

  /** The type referred to, which must be there and be one that types are made of. */
  #target(id: number, from: number, why: string): BtfType {
    const type = this.#types[id] as BtfType | undefined;
    return type === undefined || SOURCES.has(type.kind) ? this.#fail(from, why) : type;
  }

  #begin(id: number): void {
    this.#root = id;
    this.#stops = undefined;
    this.#open.clear();
    this.#follow(id);
  }

  /** Resolves type `id`, unless the walk ends there. */
  #follow(id: number): void {
    const type = this.#types[id];
    if ((this.#stops ?? STOPS)(type.kind) || this.#done.has(id)) return;
    if (this.#open.size === MAX_RESOLVE_DEPTH) {
      this.#fail(this.#root, `Exceeded max resolving depth:${MAX_RESOLVE_DEPTH}`);
    }
    if (this.#open.has(id)) this.#fail(this.#root, "Loop detected");
    this.#open.add(id);
    if (type.kind === "PTR") this.#stops ??= STOPS_POINTER;
    else if (type.kind === "ARRAY" || COMPOSITES.has(type.kind)) this.#stops ??= STOPS_VALUE;
    this.#resolve(id, type);
    this.#open.delete(id);
    this.#done.add(id);
  }

  #resolve(id: number, type: BtfType): void {
    switch (type.kind) {
      case "ARRAY":
        return this.#array(id, type);
      case "STRUCT":
      case "UNION":
        return this.#members(id, type);
      case "DATASEC":
        return this.#section(id, type);
      case "DECL_TAG":
        return this.#tag(id, type);
      case "FUNC":
        return this.#func(id, type);
      default:
        return this.#reference(id, type as Referring);
    }
  }

  /** Pointers, modifiers and variables. */
  #reference(id: number, { kind, type: to }: Referring): void {
    this.#target(to, id, "Invalid type_id");
    this.#follow(to);
    const behind = this.#behind(to);
    if (MODIFIERS.has(kind)) this.#behindOf.set(id, behind);
    else if (this.#types[behind].kind === "PTR") this.#follow(behind);
    const sizeless = this.#sizeOf(to) === undefined;
    const allowed = kind !== "VAR" && ["VOID", "FWD", "FUNC_PROTO"].includes(this.#types[behind].kind);
    if (sizeless && !allowed) this.#fail(id, "Invalid type_id");
  }

  /** What resolved modifiers lead to. */
  #behind(id: number): number {
    return this.#behindOf.get(id) ?? id;
  }

  /** Bytes of a type, 0 for an array not resolved yet; undefined for what has no size. */
  #sizeOf(id: number): number | undefined {
    const behind = this.#behind(id);
    const type = this.#types[behind];
    if (type.kind === "ARRAY") return this.#arraySize.get(behind) ?? 0;
    if (type.kind === "PTR") return POINTER_SIZE;
    return "size" in type ? type.size : undefined;
  }

  #array(id: number, { type: element, index_type, nelems }: BtfArray): void {
    if (SIZELESS.has(this.#target(index_type, id, "Invalid index").kind)) this.#fail(id, "Invalid index");
    this.#follow(index_type);
    if (!isRegular(this.#types[this.#behind(index_type)])) this.#fail(id, "Invalid index");
    if (SIZELESS.has(this.#target(element, id, "Invalid elem").kind)) this.#fail(id, "Invalid elem");
    this.#follow(element);
    const size = this.#sizeOf(element);
    if (size === undefined) return this.#fail(id, "Invalid elem");
    const item = this.#types[this.#behind(element)];
    if (item.kind === "INT" && !isRegular(item)) this.#fail(id, "Invalid array of int");
    if (size * nelems > U32_MAX) this.#fail(id, "Array size overflows U32_MAX");
    this.#arraySize.set(id, size * nelems);
    return undefined;
  }

  #members(id: number, composite: BtfComposite): void {
    for (const member of composite.members) {
      const type = this.#types[member.type] as BtfType | undefined;
      const fits = type !== undefined && !SIZELESS.has(type.kind) && !SOURCES.has(type.kind);
      if (fits) this.#follow(member.type);
      const size = fits ? this.#sizeOf(member.type) : undefined;
      const why =
        size === undefined
          ? "Invalid member"
          : misplaced(this.#types[this.#behind(member.type)], size, member, composite.size, this.#flagged.has(id));
      if (why !== undefined) this.#fail(id, `member ${member.name || "(anon)"}: ${why}`);
    }
  }

  #section(id: number, { vars }: BtfDatasec): void {
    for (const { type: variable, size } of vars) {
      const bad = (why: string): never => this.#fail(id, `type_id=${variable}: ${why}`);
      const type = this.#types[variable] as BtfType | undefined;
      if (type?.kind !== "VAR") return bad("Not a VAR kind member");
      this.#stops = undefined;
      this.#follow(variable);
      const bytes = this.#sizeOf(type.type);
      if (bytes === undefined) return bad("Invalid type");
      if (size < bytes) bad("Invalid size");
    }
    return undefined;
  }

  #tag(id: number, { type: target, component_idx }: BtfDeclTag): void {
    const type = this.#types[target] as BtfType | undefined;
    if (type === undefined || !TAGGED.has(type.kind)) return this.#fail(id, "Invalid type_id");
    this.#follow(target);
    if (component_idx === -1) return undefined;
    let parts: readonly unknown[] = [];
    if (type.kind === "FUNC") parts = (this.#types[type.type] as BtfFuncProto).params;
    else if ("members" in type) parts = type.members;
    if (component_idx >= parts.length) this.#fail(id, "Invalid component_idx");
    return undefined;
  }

  /** Parameters of a function, unlike those of its type, have names. */
  #func(id: number, { type: proto }: BtfFunc): void {
    const type = this.#types[proto] as BtfType | undefined;
    if (type?.kind !== "FUNC_PROTO") return this.#fail(id, "Invalid type_id");
    type.params.forEach((param, i) => {
      if (param.name === "" && param.type !== 0) this.#fail(id, `Invalid arg#${i + 1}`);
    });
    this.#behindOf.set(id, proto);
    return undefined;
  }

  #proto(id: number, { type: result, params }: BtfFuncProto): void {
    if (result !== 0) this.#valueType(id, result, "Invalid return type");
    params.forEach(({ name, type }, i) => {
      const why = `Invalid arg#${i + 1}`;
      // the last one of a variadic function
      if (type === 0 && i === params.length - 1) {
        if (name !== "") this.#fail(id, why);
        return;
      }
      if (name !== "" && !IDENTIFIER.test(name)) this.#fail(id, why);
      this.#valueType(id, type, why);
    });
  }

  #valueType(id: number, type: number, why: string): void {
    this.#target(type, id, why);
    this.#begin(type);
    if (this.#sizeOf(type) === undefined) this.#fail(id, why);
  }
}

/** Why a member of `type`, which has `bytes`, cannot lie where it does in a struct of `size` bytes. */
function misplaced(
  type: BtfType,
  bytes: number,
  { bit_offset, bitfield_size }: BtfMember,
  size: number,
  flagged: boolean,
): string | undefined {
  const isEnum = type.kind === "ENUM" || type.kind === "ENUM64";
  let bits = bytes * 8;
  if (type.kind === "INT") {
    if (flagged && !isRegular(type)) return "Invalid member base type";
    if (bitfield_size > type.bits) return "Invalid member bitfield_size";
    if (flagged && bitfield_size === 0 && bit_offset % 8 !== 0) return "Invalid member offset";
    bits = bitfield_size || type.bits + type.offset;
    if (bits + (bit_offset % 8) > MOST_BITS) return `nr_copy_bits exceeds ${MOST_BITS}`;
  } else {
    if (flagged && isEnum) bits = bitfield_size || ENUM_BITS;
    if (bitfield_size > (isEnum ? ENUM_BITS : 0)) return "Invalid member bitfield_size";
    if (bitfield_size === 0 && bit_offset % 8 !== 0) return "Member is not byte aligned";
    if (type.kind === "FLOAT" && bit_offset % (Math.min(8, bytes) * 8) !== 0) return "Member is not properly aligned";
  }
  return Math.ceil((bit_offset + bits) / 8) > size ? "Member exceeds struct_size" : undefined;
}

/** Whole bytes, a power of two of them. */
function isRegular(type: BtfType): boolean {
  return type.kind === "INT" && type.offset === 0 && [8, 16, 32, 64, 128].includes(type.bits);
}
