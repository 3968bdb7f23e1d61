// Special fields: locks, timers, kernel pointers, lists and trees, as BTF shows them inside map values and inside structs of
// the program's own (btf_parse_fields and btf_parse_struct_metas of kernel/bpf/btf.c at v7.2).

import { E2BIG, EEXIST, EFAULT, EINVAL, ELOOP, ENOENT } from "../../base/index.ts";
import { BtfError, type Btf, type BtfType } from "../btf/index.ts";

/** Kinds of special field; the structs among them are named so in C. */
export type FieldKind =
  | "bpf_spin_lock"
  | "bpf_res_spin_lock"
  | "bpf_timer"
  | "bpf_wq"
  | "bpf_task_work"
  | "bpf_list_head"
  | "bpf_list_node"
  | "bpf_rb_root"
  | "bpf_rb_node"
  | "bpf_refcount"
  | "kptr"
  | "kptr_untrusted"
  | "percpu_kptr"
  | "uptr";

/** A special field of a value or object; offsets and size in bytes. */
export interface SpecialField {
  readonly kind: FieldKind;
  readonly offset: number;
  readonly size: number;
  /** Kernel pointers: the struct pointed to, in the target's BTF or the object's own. Lists and trees: what they hold. */
  readonly btf: Btf | undefined;
  readonly btf_id: number;
  /** Lists and trees: where the node lies in what they hold. */
  readonly node_offset: number;
}

/** The fields of one struct, by offset. */
export type Fields = readonly SpecialField[];

/** BTF that Linux refuses for its special fields; `errno` is positive. */
export class FieldProblem extends Error {
  readonly errno: number;

  constructor(errno: number, message: string) {
    super(message);
    this.errno = errno;
  }
}

/** Structs: size and alignment in bytes, and whether one value may hold only one of them. */
const STRUCTS: Readonly<Partial<Record<FieldKind, readonly [size: number, align: number, unique: boolean]>>> = {
  bpf_spin_lock: [4, 4, true],
  bpf_res_spin_lock: [4, 4, true],
  bpf_timer: [16, 8, true],
  bpf_wq: [16, 8, true],
  bpf_task_work: [8, 8, true],
  bpf_list_head: [16, 8, false],
  bpf_list_node: [24, 8, false],
  bpf_rb_root: [16, 8, false],
  bpf_rb_node: [32, 8, false],
  bpf_refcount: [4, 4, true],
};
const POINTER_BYTES = 8;
const KPTRS: readonly FieldKind[] = ["kptr_untrusted", "kptr", "percpu_kptr"];
const POINTERS: ReadonlySet<string> = new Set([...KPTRS, "uptr"]);
/** Fields that may lie in an array. */
const REPEATABLE: ReadonlySet<FieldKind> = new Set([...KPTRS, "uptr", "bpf_list_head", "bpf_rb_root"]);
/** Node that goes with a root. */
const NODE_OF: Readonly<Partial<Record<FieldKind, FieldKind>>> = {
  bpf_list_head: "bpf_list_node",
  bpf_rb_root: "bpf_rb_node",
};

/** Kinds looked for in map values. */
export const MAP_FIELDS: ReadonlySet<FieldKind> = new Set([
  "bpf_spin_lock",
  "bpf_res_spin_lock",
  "bpf_timer",
  "bpf_wq",
  "bpf_task_work",
  "bpf_list_head",
  "bpf_rb_root",
  "bpf_refcount",
  ...KPTRS,
  "uptr",
]);
/** Kinds looked for in the structs of a program. */
const OBJECT_FIELDS: ReadonlySet<FieldKind> = new Set([
  "bpf_spin_lock",
  "bpf_res_spin_lock",
  "bpf_list_head",
  "bpf_list_node",
  "bpf_rb_root",
  "bpf_rb_node",
  "bpf_refcount",
  ...KPTRS,
]);
/** A struct with one of these as a member is looked at. */
const OBJECT_MARKS: readonly FieldKind[] = [
  "bpf_spin_lock",
  "bpf_list_head",
  "bpf_list_node",
  "bpf_rb_root",
  "bpf_rb_node",
  "bpf_refcount",
];
/** Kernel structs whose owned pointers Linux knows how to give back; others cannot be kept in maps. */
const OWNABLE: ReadonlySet<string> = new Set([
  "task_struct",
  "cgroup",
  "bpf_cpumask",
  "bpf_crypto_ctx",
  "sk_buff",
  "prog_test_ref_kfunc",
  "prog_test_member",
]);

const MAX_FIELDS = 11;
const MAX_DEPTH = 32;
/** Objects that own objects that own objects ... */
const MAX_OWNERSHIP_DEPTH = 8;

/** As the kernel names a field kind in messages. */
export function fieldName(kind: FieldKind): string {
  return kind === "kptr_untrusted" ? "kptr" : kind;
}

interface Found {
  readonly kind: FieldKind;
  readonly offset: number;
  /** What a pointer points to or a root holds, in the BTF looked at. */
  readonly type: number;
  readonly node: string;
}

const size = (kind: FieldKind): number => STRUCTS[kind]?.[0] ?? POINTER_BYTES;
const align = (kind: FieldKind): number => STRUCTS[kind]?.[1] ?? POINTER_BYTES;

/** Where a member or variable is declared, for its declaration tags. */
interface Place {
  readonly owner: number;
  readonly component: number;
}

class Finder {
  readonly #btf: Btf;
  readonly #kinds: ReadonlySet<FieldKind>;
  readonly #seen = new Set<FieldKind>();

  constructor(btf: Btf, kinds: ReadonlySet<FieldKind>) {
    this.#btf = btf;
    this.#kinds = kinds;
  }

  /** The fields of struct or section `id`. */
  find(id: number): Found[] {
    const type = this.#btf.type(id);
    if (type.kind === "STRUCT") return this.#members(id, type, MAX_FIELDS, 0);
    if (type.kind !== "DATASEC") throw new FieldProblem(EINVAL, "a value with special fields is a struct");
    const found: Found[] = [];
    for (const { type: variable, offset, size: bytes } of type.vars) {
      const { type: declared } = this.#btf.type(variable) as { type: number };
      const place = { owner: variable, component: -1 };
      found.push(...this.#one(place, declared, offset, bytes, MAX_FIELDS - found.length, 0));
    }
    return found;
  }

  #members(id: number, type: BtfType, room: number, depth: number): Found[] {
    const found: Found[] = [];
    if (type.kind !== "STRUCT") return found;
    type.members.forEach((member, component) => {
      if (member.bit_offset % 8 !== 0) throw new FieldProblem(EINVAL, `member ${member.name} lies between bytes`);
      const place = { owner: id, component };
      found.push(...this.#one(place, member.type, member.bit_offset / 8, 0, room - found.length, depth));
    });
    return found;
  }

  /** The fields of one variable or member; `expected` is the size it must have, 0 for any. */
  #one(place: Place, id: number, offset: number, expected: number, room: number, depth: number): Found[] {
    let count = 1;
    let type = this.#btf.type(id);
    for (let steps = 0; type.kind === "ARRAY"; steps++) {
      if (steps === MAX_DEPTH) throw new FieldProblem(E2BIG, "arrays are nested too deep");
      count *= type.nelems;
      id = type.type;
      type = this.#btf.type(id);
    }
    if (count === 0) return [];
    const kind = this.#kindOf(type);
    if (kind === undefined) {
      if (type.kind !== "STRUCT" || (expected !== 0 && expected !== type.size * count)) return [];
      if (depth + 1 >= MAX_DEPTH) throw new FieldProblem(E2BIG, "structs are nested too deep");
      const inner = this.#members(id, type, room, depth + 1);
      const moved = inner.map((field) => ({ ...field, offset: field.offset + offset }));
      return repeated(moved, count, type.size, room);
    }
    if ((expected !== 0 && expected !== size(kind) * count) || offset % align(kind) !== 0) return [];
    const field = this.#field(kind, place, type, offset);
    if (field === undefined) return [];
    if (room === 0) throw new FieldProblem(E2BIG, "too many special fields");
    return repeated([field], count, size(kind), room);
  }

  #kindOf(type: BtfType): FieldKind | undefined {
    const kind = type.name as FieldKind;
    const row = STRUCTS[kind];
    if (row !== undefined && this.#kinds.has(kind)) {
      if (row[2] && this.#seen.has(kind)) throw new FieldProblem(E2BIG, `more than one ${kind}`);
      this.#seen.add(kind);
      return kind;
    }
    return type.kind === "STRUCT" ? undefined : "kptr";
  }

  #field(kind: FieldKind, place: Place, type: BtfType, offset: number): Found | undefined {
    if (kind === "kptr") return this.#pointer(type, offset);
    if (type.kind !== "STRUCT" || type.size !== size(kind)) return undefined;
    return NODE_OF[kind] === undefined ? { kind, offset, type: 0, node: "" } : this.#root(kind, place, offset);
  }

  #pointer(type: BtfType, offset: number): Found | undefined {
    const pointer = type.kind === "VOLATILE" ? this.#btf.type(type.type) : type;
    if (pointer.kind !== "PTR") return undefined;
    const { id, tags } = behindPointer(this.#btf, pointer.type);
    if (tags.size > 1) throw new FieldProblem(EINVAL, "a pointer has one kind");
    const [kind] = tags;
    if (kind === undefined || !this.#kinds.has(kind)) return undefined;
    if (this.#btf.kind(id) !== "STRUCT") throw new FieldProblem(EINVAL, `a ${kind} points to a struct`);
    return { kind, offset, type: id, node: "" };
  }

  #root(kind: FieldKind, { owner, component }: Place, offset: number): Found {
    const tags: string[] = [];
    for (const id of this.#btf.ofKind("DECL_TAG")) {
      const tag = this.#btf.type(id);
      if (tag.kind !== "DECL_TAG" || tag.type !== owner || tag.component_idx !== component) continue;
      if (tag.name.startsWith(CONTAINS)) tags.push(tag.name);
    }
    const [struct, node] = (tags.length === 1 ? tags[0].slice(CONTAINS.length) : "").split(/:(.*)/s);
    if (!node) throw new FieldProblem(EINVAL, `a ${kind} is declared with one tag "${CONTAINS}STRUCT:NODE"`);
    const type = this.#btf.findByName(struct, "STRUCT");
    if (type === undefined) throw new FieldProblem(ENOENT, `there is no struct ${struct} for a ${kind} to hold`);
    return { kind, offset, type, node };
  }
}

const CONTAINS = "contains:";
const MODIFIERS: ReadonlySet<string> = new Set(["TYPEDEF", "VOLATILE", "CONST", "RESTRICT", "TYPE_TAG"]);

/** The type behind a pointer's modifiers, and which of the kinds of pointer they name. */
function behindPointer(btf: Btf, first: number): { id: number; tags: ReadonlySet<FieldKind> } {
  const tags = new Set<FieldKind>();
  let id = first;
  for (let type = btf.type(id), steps = 0; MODIFIERS.has(type.kind); type = btf.type(id), steps++) {
    if (steps === MAX_DEPTH) throw new FieldProblem(ELOOP, "modifiers of a type have no end");
    if (type.kind === "TYPE_TAG" && !type.attribute && POINTERS.has(type.name)) tags.add(type.name as FieldKind);
    id = (type as BtfType & { type: number }).type;
  }
  return { id, tags };
}

/** The fields of each of `count` elements of an array. */
function repeated(fields: Found[], count: number, bytes: number, room: number): Found[] {
  if (count === 1 || fields.length === 0) return fields;
  const single = fields.find(({ kind }) => !REPEATABLE.has(kind));
  if (single !== undefined) throw new FieldProblem(EINVAL, `a ${single.kind} cannot lie in an array`);
  if (fields.length * count > room) throw new FieldProblem(E2BIG, "too many special fields");
  return Array.from({ length: count }, (_, i) =>
    fields.map((field) => ({ ...field, offset: field.offset + i * bytes })),
  ).flat();
}

function settled(btf: Btf, target: Btf, found: Found): SpecialField {
  const { kind, offset, type, node } = found;
  const plain = { kind, offset, size: size(kind), btf: undefined, btf_id: 0, node_offset: 0 };
  if (NODE_OF[kind] !== undefined) return { ...plain, btf, btf_id: type, node_offset: nodeOffset(btf, found) };
  if (type === 0) return plain;
  const name = btf.nameOf(type);
  const kernel = target.findByName(name, "STRUCT");
  if (kernel === undefined) return { ...plain, btf, btf_id: type };
  if (kind === "kptr" && !OWNABLE.has(name)) {
    throw new FieldProblem(ENOENT, `a pointer to struct ${name}, which Linux cannot give back`);
  }
  if (node !== "") throw new FieldProblem(EFAULT, "a pointer with a node");
  return { ...plain, btf: target, btf_id: kernel };
}

function nodeOffset(btf: Btf, { kind, type, node }: Found): number {
  const struct = btf.type(type);
  const wanted = NODE_OF[kind]!;
  const members = struct.kind === "STRUCT" ? struct.members.filter(({ name }) => name === node) : [];
  if (members.length === 0) throw new FieldProblem(ENOENT, `struct ${struct.name} has no member ${node}`);
  const [member] = members;
  const { name, kind: memberKind } = btf.type(member.type);
  if (members.length > 1 || memberKind !== "STRUCT" || name !== wanted || member.bit_offset % (8 * align(wanted)) !== 0)
    throw new FieldProblem(EINVAL, `member ${node} of struct ${struct.name} is not a ${wanted}`);
  return member.bit_offset / 8;
}

/** The special fields of struct or section `id`. Throws FieldProblem. */
function parseFields(btf: Btf, target: Btf, id: number, kinds: ReadonlySet<FieldKind>): Fields {
  const found = new Finder(btf, kinds).find(id);
  let end = 0;
  const fields = found.map((each) => {
    if (each.offset < end) throw new FieldProblem(EEXIST, "special fields overlap");
    end = each.offset + size(each.kind);
    return settled(btf, target, each);
  });
  const has = (...wanted: FieldKind[]): boolean => fields.some(({ kind }) => wanted.includes(kind));
  if (has("bpf_spin_lock") && has("bpf_res_spin_lock")) throw new FieldProblem(EINVAL, "two kinds of spin lock");
  if (has("bpf_list_head", "bpf_rb_root") && !has("bpf_spin_lock", "bpf_res_spin_lock")) {
    throw new FieldProblem(EINVAL, "a list or tree lies beside the bpf_spin_lock that protects it");
  }
  if (has("bpf_list_node") && has("bpf_rb_node") && !has("bpf_refcount")) {
    throw new FieldProblem(EINVAL, "an object in both a list and a tree needs a bpf_refcount");
  }
  return fields;
}

/** The special fields of a map's value. Where BTF is not as Linux wants it, the value has none. */
export function valueFields(btf: Btf, target: Btf, id: number): Fields {
  if (id <= 0 || id >= btf.nrTypes) return [];
  try {
    return parseFields(btf, target, btf.skipModifiers(id), MAP_FIELDS);
  } catch (error) {
    if (error instanceof BtfError || error instanceof FieldProblem) return [];
    throw error;
  }
}

/** The special fields of the program's structs that have some, by type id. Throws FieldProblem where Linux refuses the BTF. */
export function structFields(btf: Btf, target: Btf): ReadonlyMap<number, Fields> {
  const marks = new Set(OBJECT_MARKS.flatMap((name) => btf.findByName(name, "STRUCT") ?? []));
  for (const id of btf.ofKind("TYPE_TAG")) {
    if (KPTRS.includes(btf.nameOf(id) as FieldKind)) {
      addPointers(btf, marks);
      break;
    }
  }
  const all = new Map<number, Fields>();
  if (marks.size === 0) return all;
  for (const id of btf.ofKind("STRUCT")) {
    const type = btf.type(id);
    if (type.kind !== "STRUCT" || !type.members.some((member) => marks.has(member.type))) continue;
    const fields = parseFields(btf, target, id, OBJECT_FIELDS);
    if (fields.length === 0) throw new FieldProblem(EFAULT, `struct ${type.name} has no special field after all`);
    all.set(id, fields);
  }
  checkOwnership(btf, all);
  return all;
}

/** Adds the types of pointers that own, or could own, an object. */
function addPointers(btf: Btf, marks: Set<number>): void {
  const isKptr = (id: number): boolean => {
    const pointer = btf.type(id);
    if (pointer.kind !== "PTR") return false;
    const { id: behind, tags } = behindPointer(btf, pointer.type);
    return KPTRS.some((kind) => tags.has(kind)) && btf.kind(behind) === "STRUCT";
  };
  for (const id of btf.ofKind("PTR")) if (isKptr(id)) marks.add(id);
  for (const id of btf.ofKind("VOLATILE")) {
    if (isKptr((btf.type(id) as BtfType & { type: number }).type)) marks.add(id);
  }
}

/** Giving an object back gives back what it owns, and so on: Linux bounds how deep. */
function checkOwnership(btf: Btf, all: ReadonlyMap<number, Fields>): void {
  const depths = new Map<number, number>();
  const depthOf = (id: number, left: number): number => {
    const known = depths.get(id);
    if (left === 0 || (known !== undefined && known > left)) {
      throw new FieldProblem(ELOOP, `objects own one another more than ${MAX_OWNERSHIP_DEPTH} deep`);
    }
    if (known !== undefined) return known;
    let deepest = 0;
    for (const field of all.get(id) ?? []) {
      const owns = NODE_OF[field.kind] !== undefined || field.kind === "kptr" || field.kind === "percpu_kptr";
      if (owns && field.btf === btf && all.has(field.btf_id)) {
        deepest = Math.max(deepest, depthOf(field.btf_id, left - 1));
      }
    }
    if (deepest + 1 > left)
      throw new FieldProblem(ELOOP, `objects own one another more than ${MAX_OWNERSHIP_DEPTH} deep`);
    depths.set(id, deepest + 1);
    return deepest + 1;
  };
  for (const id of all.keys()) depthOf(id, MAX_OWNERSHIP_DEPTH);
}

/** Whether one of the fields is of one of these kinds. */
export function hasField(fields: Fields, ...kinds: FieldKind[]): boolean {
  return fields.some((field) => kinds.includes(field.kind));
}

/** The first field of a kind. */
export function fieldOf(fields: Fields, kind: FieldKind): SpecialField | undefined {
  return fields.find((field) => field.kind === kind);
}

/** The field of one of these kinds at `offset`. */
export function fieldAt(fields: Fields, offset: number, ...kinds: FieldKind[]): SpecialField | undefined {
  return fields.find((field) => field.offset === offset && kinds.includes(field.kind));
}
