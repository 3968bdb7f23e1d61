// Maps defined in .maps: each variable's struct type says all, numbers as array lengths (`int (*type)[BPF_MAP_TYPE_HASH]`).
// Documentation/bpf/libbpf/libbpf_overview.rst; field names are those of libbpf.

import type { Btf, BtfMember, BtfType } from "../btf/index.ts";
import { nearest } from "../../base/index.ts";
import type { ElfFile, ElfRel, ElfSection } from "../../elf/index.ts";
import { ObjectError } from "./errors.ts";
import type { MapSpec } from "./types.ts";

export const MAPS = ".maps";
/** Bytes of a slot of `values` in the file. */
const POINTER = 8;
/** Bytes of all slots of one map. */
const LARGEST = 1 << 24;
const BPF_MAP_TYPE_PROG_ARRAY = 3;
const BPF_MAP_TYPE_ARRAY_OF_MAPS = 12;
const BPF_MAP_TYPE_HASH_OF_MAPS = 13;

/** The numbers collected from a definition. */
interface Definition {
  type?: number;
  key_size?: number;
  value_size?: number;
  max_entries?: number;
  map_flags?: number;
  numa_node?: number;
  pinning?: number;
  map_extra?: bigint;
  btf_key_type_id?: number;
  btf_value_type_id?: number;
  inner?: Definition;
}

type NumberField = "type" | "key_size" | "value_size" | "max_entries" | "map_flags" | "numa_node" | "pinning";
const NUMBER_FIELDS: ReadonlySet<string> = new Set<NumberField>([
  "type",
  "key_size",
  "value_size",
  "max_entries",
  "map_flags",
  "numa_node",
  "pinning",
]);
const ALL_FIELDS: readonly string[] = [...NUMBER_FIELDS, "key", "value", "values", "map_extra"];

const bad = (map: string, message: string, found?: string, expected?: string, remedy?: string): ObjectError =>
  new ObjectError("OBJECT_MAP", { message, found, expected, where: `map ${map}`, remedy });

/** `__uint(name, N)` is `int (*name)[N]`, `__ulong(name, N)` an enum with the one value N. */
function numberField(btf: Btf, map: string, member: BtfMember): bigint {
  const type = btf.resolved(member.type);
  if (type.kind === "PTR") {
    const array = btf.resolved(type.type);
    if (array.kind === "ARRAY") return BigInt(array.nelems);
  }
  if ((type.kind === "ENUM" || type.kind === "ENUM64") && type.values.length === 1) return type.values[0].val;
  throw bad(map, `field ${member.name} is not a number`, type.kind, "__uint(...) or __ulong(...)");
}

/** `__type(name, T)` is `T *name`. */
function typeField(btf: Btf, map: string, member: BtfMember): number {
  const type = btf.resolved(member.type);
  if (type.kind === "PTR") return type.type;
  throw bad(map, `field ${member.name} is not a type`, type.kind, "__type(...)");
}

function agree(map: string, what: string, known: number | undefined, size: number): number {
  if (known !== undefined && known !== size)
    throw bad(map, `two different sizes of its ${what}`, `${size}`, `${known}`);
  return size;
}

/** `__array(values, T)`: an array of pointers to inner map definitions, or to programs. */
function valuesField(btf: Btf, map: string, member: BtfMember, definition: Definition, depth: number): void {
  definition.value_size = agree(map, "values", definition.value_size, 4);
  if (definition.type === BPF_MAP_TYPE_PROG_ARRAY) return;
  if (definition.type !== BPF_MAP_TYPE_ARRAY_OF_MAPS && definition.type !== BPF_MAP_TYPE_HASH_OF_MAPS) {
    throw bad(map, "field values is only for maps of maps and of programs", `type ${definition.type}`);
  }
  if (depth > 0) throw bad(map, "maps of maps nest only once");
  const array = btf.resolved(member.type);
  const pointer = array.kind === "ARRAY" ? btf.resolved(array.type) : array;
  const inner: BtfType = pointer.kind === "PTR" ? btf.resolved(pointer.type) : pointer;
  if (inner.kind !== "STRUCT")
    throw bad(map, "field values is not an array of pointers to a map definition", inner.kind, "STRUCT");
  definition.inner = parseDefinition(btf, `${map}.inner`, inner.members, depth + 1);
}

function parseDefinition(btf: Btf, map: string, members: readonly BtfMember[], depth = 0): Definition {
  const definition: Definition = {};
  for (const member of members) {
    const { name } = member;
    if (NUMBER_FIELDS.has(name)) {
      const value = Number(BigInt.asUintN(32, numberField(btf, map, member)));
      if (name === "key_size" || name === "value_size") agree(map, name.slice(0, -5), definition[name], value);
      definition[name as NumberField] = value;
    } else if (name === "map_extra") {
      definition.map_extra = BigInt.asUintN(64, numberField(btf, map, member));
    } else if (name === "key") {
      definition.btf_key_type_id = typeField(btf, map, member);
      definition.key_size = agree(map, "key", definition.key_size, btf.sizeOf(definition.btf_key_type_id));
    } else if (name === "value") {
      definition.btf_value_type_id = typeField(btf, map, member);
      definition.value_size = agree(map, "value", definition.value_size, btf.sizeOf(definition.btf_value_type_id));
    } else if (name === "values") {
      valuesField(btf, map, member, definition, depth);
    } else {
      const near = nearest(name, ALL_FIELDS);
      throw bad(map, "there is no such field of a map", name, undefined, near && `Did you mean "${near}"?`);
    }
  }
  if (definition.type === undefined)
    throw bad(map, "the definition has no type", undefined, "__uint(type, BPF_MAP_TYPE_...)");
  return definition;
}

function specOf(name: string, definition: Definition): MapSpec {
  const { type, key_size, value_size, max_entries, map_flags, numa_node, pinning, map_extra, inner } = definition;
  return {
    name,
    kind: "map",
    type: type!,
    key_size: key_size ?? 0,
    value_size: value_size ?? 0,
    max_entries: max_entries ?? 0,
    map_flags: map_flags ?? 0,
    btf_key_type_id: definition.btf_key_type_id ?? 0,
    btf_value_type_id: definition.btf_value_type_id ?? 0,
    frozen: false,
    section: MAPS,
    ...(numa_node === undefined ? {} : { numa_node }),
    ...(pinning === undefined ? {} : { pinning }),
    ...(map_extra === undefined ? {} : { map_extra }),
    ...(inner === undefined ? {} : { inner: specOf(`${name}.inner`, inner) }),
  };
}

/** Names that relocations put into the slots of `values`, by slot. */
function initialSlots(
  name: string,
  relocations: readonly ElfRel[],
  start: number,
  end: number,
): (string | undefined)[] {
  const slots: (string | undefined)[] = [];
  for (const { offset, symbol } of relocations) {
    if (offset < start || offset >= end) continue;
    if ((offset - start) % POINTER !== 0 || offset - start > LARGEST) {
      throw bad(name, "a relocation does not point to a slot of values", `offset ${offset - start}`);
    }
    slots[(offset - start) / POINTER] = symbol.name;
  }
  return Array.from(slots);
}

/** Parses all maps of section .maps, in order of offset. Throws ObjectError, BtfError, ElfError. */
export function parseMapDefs(btf: Btf, elf: ElfFile, section: ElfSection): MapSpec[] {
  const id = btf.findByName(MAPS, "DATASEC");
  if (id === undefined) {
    throw bad("(all)", "the BTF describes no section .maps", undefined, undefined, "Compile with -g");
  }
  const relocations = elf.relocationsOf(section.index);
  return (btf.type(id) as BtfType & { kind: "DATASEC" }).vars.map((entry) => {
    const variable = btf.type(entry.type);
    if (variable.kind !== "VAR") throw bad(`type ${entry.type}`, "a map is not a variable", variable.kind, "VAR");
    const { name } = variable;
    const end = entry.offset + entry.size;
    if (end > section.size) throw bad(name, "the definition runs beyond .maps", `${end}`, `at most ${section.size}`);
    if (variable.linkage === 2) {
      throw bad(
        name,
        "the map is only declared here",
        "extern",
        "a definition",
        "Link with the object that defines it",
      );
    }
    const type = btf.resolved(variable.type);
    if (type.kind !== "STRUCT") throw bad(name, "the definition is not a struct", type.kind, "STRUCT");
    const spec = { ...specOf(name, parseDefinition(btf, name, type.members)), section_offset: entry.offset };
    const slots = type.members.find((member) => member.name === "values");
    if (slots === undefined) return spec;
    return { ...spec, values: initialSlots(name, relocations, entry.offset + (slots.bit_offset >>> 3), end) };
  });
}
