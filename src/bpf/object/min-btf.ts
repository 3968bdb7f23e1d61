// A target BTF cut down to what some objects need of it (`bpftool gen min_core_btf` and more): the members their CO-RE
// relocations lead through, the types they ask about, their kfuncs and struct_ops types. Objects resolve against the result
// as against the whole.

import {
  BtfBuilder,
  essentialName,
  matchCoreRelo,
  remapType,
  type Btf,
  type BtfComposite,
  type BtfType,
  type CoreSpec,
} from "../btf/index.ts";
import type { BpfObject } from "./object.ts";

/** Dimensions of an array; more only occur in malformed BTF. */
const DEEPEST = 64;

/** What is kept of a BTF; of structs and unions only the members marked. */
class Selection {
  readonly #btf: Btf;
  readonly #kept = new Map<number, Set<number>>();
  readonly #whole = new Set<number>();

  constructor(btf: Btf) {
    this.#btf = btf;
  }

  /** Keeps `id` and what its declaration names; structs without further members. */
  declare(id: number): void {
    const stack = [id];
    while (stack.length > 0) {
      const next = stack.pop()!;
      if (next === 0 || this.#kept.has(next)) continue;
      this.#kept.set(next, new Set());
      const type = this.#btf.type(next);
      if (type.kind === "STRUCT" || type.kind === "UNION") continue;
      remapType(type, (to) => {
        stack.push(to);
        return to;
      });
    }
  }

  member(id: number, index: number): void {
    this.declare(id);
    this.#kept.get(id)!.add(index);
    this.declare((this.#btf.type(id) as BtfComposite).members[index].type);
  }

  /** Keeps a type with all members, and those of structs inside it. */
  whole(id: number): void {
    this.declare(id);
    const stack = [id];
    while (stack.length > 0) {
      const next = this.#behindArrays(stack.pop()!);
      const type = this.#btf.type(next);
      if ((type.kind !== "STRUCT" && type.kind !== "UNION") || this.#whole.has(next)) continue;
      this.#whole.add(next);
      for (const [index, member] of type.members.entries()) {
        this.member(next, index);
        stack.push(member.type);
      }
    }
  }

  #behindArrays(id: number): number {
    id = this.#btf.skipModifiers(id);
    for (let depth = 0; depth < DEEPEST; depth++) {
      const type = this.#btf.type(id);
      if (type.kind !== "ARRAY") return id;
      id = this.#btf.skipModifiers(type.type);
    }
    return 0;
  }

  /** The path of a relocation, member by member. */
  path({ root, raw }: CoreSpec): void {
    this.declare(root);
    let id = root;
    for (const index of raw.slice(1)) {
      id = this.#btf.skipModifiers(id);
      const type = this.#btf.type(id);
      if (type.kind === "ARRAY") id = type.type;
      else {
        this.member(id, index);
        id = (type as BtfComposite).members[index].type;
      }
      this.declare(id);
    }
  }

  /** Decl tags of what is kept: they say what is a kfunc. */
  tags(): void {
    for (const id of this.#btf.ofKind("DECL_TAG")) {
      const { type, component_idx } = this.#btf.type(id) as BtfType & { kind: "DECL_TAG" };
      if (this.#kept.has(type) && this.#btf.kind(type) === "FUNC" && component_idx === -1) this.declare(id);
    }
  }

  emit(): Uint8Array<ArrayBuffer> {
    const ids = [...this.#kept.keys()].sort((a, b) => a - b);
    const to = new Map(ids.map((id, i) => [id, i + 1]));
    const builder = new BtfBuilder();
    for (const id of ids) {
      const type = this.#btf.type(id);
      const members = this.#kept.get(id)!;
      const slim =
        type.kind === "STRUCT" || type.kind === "UNION"
          ? { ...type, members: type.members.filter((_, i) => members.has(i)) }
          : type;
      builder.add(remapType(slim, (old) => (old === 0 ? 0 : to.get(old)!)));
    }
    return builder.emit();
  }
}

function keepRelocations(selection: Selection, object: BpfObject, target: Btf): void {
  for (const relo of object.coreRelos()) {
    for (const spec of matchCoreRelo(relo, object.btf, target)) {
      if (spec.kind.startsWith("type_")) selection.whole(spec.root);
      else if (spec.kind.startsWith("enumval_")) selection.declare(spec.root);
      else selection.path(spec);
    }
  }
}

/** The struct itself, and what its programs are given: structs behind the parameters of its functions. */
function keepStructOps(selection: Selection, name: string, target: Btf): void {
  for (const full of [name, `bpf_struct_ops_${name}`]) {
    const id = target.findByName(full, "STRUCT");
    if (id !== undefined) selection.whole(id);
  }
  const id = target.findByName(name, "STRUCT");
  if (id === undefined) return;
  for (const member of (target.type(id) as BtfComposite).members) {
    const pointer = target.resolved(member.type);
    const proto = pointer.kind === "PTR" ? target.resolved(pointer.type) : pointer;
    if (proto.kind !== "FUNC_PROTO") continue;
    for (const param of proto.params) {
      const type = target.resolved(param.type);
      if (type.kind === "PTR") selection.whole(type.type);
    }
  }
}

/** The bytes of a BTF with what `objects` need of `target`. Throws BtfError. */
export function minimizeBtf(target: Btf, objects: readonly BpfObject[]): Uint8Array<ArrayBuffer> {
  const selection = new Selection(target);
  for (const object of objects) {
    keepRelocations(selection, object, target);
    for (const extern of object.externs) {
      const id = target.findByName(essentialName(extern.name), extern.kind === "func" ? "FUNC" : "VAR");
      if (id !== undefined) selection.declare(id);
    }
    for (const { type_name } of object.structOps) keepStructOps(selection, type_name, target);
  }
  selection.tags();
  return selection.emit();
}
