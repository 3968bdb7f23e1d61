// What a CO-RE relocation points at: its access string, walked through the object's types, and the same path found again,
// by name, in a type of the target. `&s->a[3]` is "0:1:2:3": every level counts in the string, but only named members and
// array indices are looked for, so anonymous structs and unions may come and go.

import type { Btf } from "./btf.ts";
import { fieldsCompatible, typesCompatible, typesMatch } from "./core-compat.ts";
import { BtfError } from "./errors.ts";
import type { CoreRelo } from "./ext-info.ts";
import { essentialName } from "./strings.ts";
import type { BtfEnum, BtfType } from "./types.ts";

/** enum bpf_core_relo_kind of include/uapi/linux/bpf.h, in order. */
export const CORE_KINDS = [
  "field_byte_offset",
  "field_byte_size",
  "field_exists",
  "field_signed",
  "field_lshift_u64",
  "field_rshift_u64",
  "type_id_local",
  "type_id_target",
  "type_exists",
  "type_size",
  "enumval_exists",
  "enumval_value",
  "type_matches",
] as const;

export type CoreKind = (typeof CORE_KINDS)[number];

/** One step of a path: a named member of `type`, or element `index`, of type `type`. */
export interface Accessor {
  readonly type: number;
  readonly index: number;
  readonly name: string | undefined;
}

/** A path through the types of one BTF. Type relocations have none, enumerator ones a single accessor. */
export interface CoreSpec {
  readonly btf: Btf;
  readonly kind: CoreKind;
  readonly root: number;
  readonly accessors: Accessor[];
  /** Every index on the way, as in the access string. */
  readonly raw: number[];
  bitOffset: number;
}

const LONGEST = 64;

export const isTypeKind = (kind: CoreKind): boolean => kind.startsWith("type_");
export const isEnumKind = (kind: CoreKind): boolean => kind.startsWith("enumval_");

const bad = (message: string, relo: CoreRelo, found?: string): BtfError =>
  new BtfError("BTF_CORE", {
    message,
    found,
    where: `CO-RE relocation at byte ${relo.insn_off}, "${relo.access}" of type ${relo.type_id}`,
  });

/** An array of length 0 at the end of its struct may be indexed at will. */
function isFlexible(btf: Btf, holder: Accessor | undefined, nelems: number): boolean {
  if (holder?.name === undefined || nelems > 0) return false;
  const type = btf.type(holder.type);
  return (type.kind === "STRUCT" || type.kind === "UNION") && holder.index === type.members.length - 1;
}

function parseAccess(relo: CoreRelo): number[] {
  if (!/^\d+(:\d+)*$/.test(relo.access)) throw bad("the access string is malformed", relo);
  const raw = relo.access.split(":").map(Number);
  if (raw.length > LONGEST || raw.some((index) => index > 0x7fffffff)) throw bad("the access string is too long", relo);
  return raw;
}

/** The path of `relo` in the object's own types. Throws BTF_CORE and other BtfErrors. */
export function parseSpec(relo: CoreRelo, btf: Btf): CoreSpec {
  const kind = CORE_KINDS[relo.kind];
  if (kind === undefined) throw bad("the kind of relocation is not known", relo, `${relo.kind}`);
  const raw = parseAccess(relo);
  const spec: CoreSpec = { btf, kind, root: relo.type_id, accessors: [], raw, bitOffset: 0 };
  if (isTypeKind(kind)) {
    if (relo.access !== "0") throw bad("a relocation of a type has a path", relo);
    btf.type(relo.type_id);
    return { ...spec, raw: [] };
  }
  let id = btf.skipModifiers(relo.type_id);
  if (isEnumKind(kind)) {
    const type = btf.type(id);
    const value = type.kind === "ENUM" || type.kind === "ENUM64" ? type.values[raw[0]] : undefined;
    if (value === undefined || raw.length > 1) throw bad("the enumerator does not exist", relo, type.kind);
    spec.accessors.push({ type: id, index: raw[0], name: value.name });
    return spec;
  }
  spec.accessors.push({ type: id, index: raw[0], name: undefined });
  spec.bitOffset = raw[0] * btf.sizeOf(id) * 8;
  for (const index of raw.slice(1)) {
    id = btf.skipModifiers(id);
    const type: BtfType = btf.type(id);
    if (type.kind === "STRUCT" || type.kind === "UNION") {
      const member = type.members[index];
      if (member === undefined)
        throw bad("the path leaves a struct", relo, `member ${index} of ${type.members.length}`);
      spec.bitOffset += member.bit_offset;
      if (member.name !== "") spec.accessors.push({ type: id, index, name: member.name });
      id = member.type;
    } else if (type.kind === "ARRAY") {
      if (index >= type.nelems && !isFlexible(btf, spec.accessors.at(-1), type.nelems)) {
        throw bad("the path leaves an array", relo, `element ${index} of ${type.nelems}`);
      }
      id = btf.skipModifiers(type.type);
      spec.accessors.push({ type: id, index, name: undefined });
      spec.bitOffset += index * btf.sizeOf(id) * 8;
    } else {
      throw bad("the path leads through a type without members", relo, type.kind);
    }
  }
  return spec;
}

/** Finds the member `wanted` of the object in type `id` of the target, in anonymous members too; its type, or undefined. */
function findMember(local: CoreSpec, wanted: Accessor, spec: CoreSpec, id: number): number | undefined {
  id = spec.btf.skipModifiers(id);
  const type = spec.btf.type(id);
  if (type.kind !== "STRUCT" && type.kind !== "UNION") return undefined;
  const mine = local.btf.type(wanted.type) as typeof type;
  const myType = mine.members[wanted.index].type;
  for (const [index, member] of type.members.entries()) {
    if (spec.raw.length >= LONGEST) {
      throw new BtfError("BTF_CORE", { message: "the target's types nest too deeply", where: `BTF type ${id}` });
    }
    const before = spec.bitOffset;
    spec.bitOffset += member.bit_offset;
    spec.raw.push(index);
    if (member.name === "") {
      const found = findMember(local, wanted, spec, member.type);
      if (found !== undefined) return found;
    } else if (member.name === wanted.name) {
      if (!fieldsCompatible(local.btf, myType, spec.btf, member.type)) return undefined;
      spec.accessors.push({ type: id, index, name: member.name });
      return member.type;
    }
    spec.bitOffset = before;
    spec.raw.pop();
  }
  return undefined;
}

function matchEnumerator(local: CoreSpec, spec: CoreSpec): boolean {
  const id = spec.btf.skipModifiers(spec.root);
  const type = spec.btf.type(id);
  if (type.kind !== "ENUM" && type.kind !== "ENUM64") return false;
  const wanted = essentialName(local.accessors[0].name!);
  const index = type.values.findIndex(({ name }) => essentialName(name) === wanted);
  if (index < 0) return false;
  spec.accessors.push({ type: id, index, name: type.values[index].name });
  spec.raw.push(index);
  return true;
}

function matchPath(local: CoreSpec, spec: CoreSpec): boolean {
  let id = spec.root;
  for (const [i, accessor] of local.accessors.entries()) {
    id = spec.btf.skipModifiers(id);
    if (accessor.name !== undefined) {
      const next = findMember(local, accessor, spec, id);
      if (next === undefined) return false;
      id = next;
      continue;
    }
    // the first index goes along the root type itself, later ones into arrays
    if (i > 0) {
      const array = spec.btf.type(id);
      if (array.kind !== "ARRAY") return false;
      if (accessor.index >= array.nelems && !isFlexible(spec.btf, spec.accessors.at(-1), array.nelems)) return false;
      id = spec.btf.skipModifiers(array.type);
    }
    spec.accessors.push({ type: id, index: accessor.index, name: undefined });
    spec.raw.push(accessor.index);
    spec.bitOffset += accessor.index * spec.btf.sizeOf(id) * 8;
  }
  return true;
}

/** The path of `local` in type `root` of `target`, or undefined when it is not there. Throws BtfError. */
export function matchSpec(local: CoreSpec, target: Btf, root: number): CoreSpec | undefined {
  const spec: CoreSpec = { btf: target, kind: local.kind, root, accessors: [], raw: [], bitOffset: 0 };
  if (local.kind === "type_matches") return typesMatch(local.btf, local.root, target, root) ? spec : undefined;
  if (isTypeKind(local.kind)) return typesCompatible(local.btf, local.root, target, root) ? spec : undefined;
  return (isEnumKind(local.kind) ? matchEnumerator(local, spec) : matchPath(local, spec)) ? spec : undefined;
}

/** `struct sk_buff.len (0:1 @ offset 8)`, for listings. */
export function formatSpec(spec: CoreSpec): string {
  const type = spec.btf.type(spec.root);
  const head = `[${spec.root}] ${type.kind.toLowerCase()} ${type.name || "<anon>"}`;
  if (isTypeKind(spec.kind)) return head;
  if (isEnumKind(spec.kind)) {
    const { type: id, index } = spec.accessors[0];
    const { name, val } = (spec.btf.type(id) as BtfEnum).values[index];
    return `${head}::${name} = ${val}`;
  }
  const path = spec.accessors
    .map(({ name, index }, i) => (name !== undefined ? `.${name}` : i > 0 || index > 0 ? `[${index}]` : ""))
    .join("");
  const bits = spec.bitOffset % 8;
  return `${head}${path} (${spec.raw.join(":")} @ offset ${Math.floor(spec.bitOffset / 8)}${bits ? `.${bits}` : ""})`;
}
