// The static linker, part three: one BTF of all inputs' BTFs. A global function or variable has one type, that of the
// definition that counts; DATASECs follow the merged sections; .BTF.ext moves along; then everything is deduplicated.

import {
  BTF_EXTERN,
  BTF_GLOBAL,
  BTF_STATIC,
  dedup,
  emitBtfWithExt,
  formatType,
  remapType,
  typesCompatible,
  type Btf,
  type BtfExt,
  type BtfType,
  type BtfVarSecinfo,
} from "../btf/index.ts";
import { conflict, type LinkInput, type MergedSection, type Placements } from "./link-inputs.ts";
import type { LinkedName } from "./link-symbols.ts";

type Symbolic = BtfType & { kind: "FUNC" | "VAR" };

const isSymbolic = (type: BtfType): type is Symbolic => type.kind === "FUNC" || type.kind === "VAR";
const isExternSection = (name: string): boolean => name === ".ksyms" || name === ".kconfig";

/** The FUNC or VAR that a global name has in the result. */
interface Chosen {
  readonly input: LinkInput;
  readonly id: number;
}

class BtfMerge {
  readonly #inputs: readonly LinkInput[];
  readonly #names: ReadonlyMap<string, LinkedName>;
  readonly #ids = new Map<LinkInput, Uint32Array>();
  readonly #chosen = new Map<string, Chosen>();
  readonly #types: BtfType[] = [];

  constructor(inputs: readonly LinkInput[], names: ReadonlyMap<string, LinkedName>) {
    this.#inputs = inputs;
    this.#names = names;
    for (const input of inputs) this.#choose(input);
    this.#number();
    this.#copy();
  }

  /** The id in the concatenation of type `id` of `input`. Throws BTF_ID. */
  #idOf(input: LinkInput, id: number): number {
    const to = this.#ids.get(input)![id];
    if (to === undefined) input.btf.type(id);
    return to;
  }

  /** Whether a FUNC or VAR of `input` takes part in name resolution: global, and not a static one of the same name. */
  #globalName(type: BtfType): string | undefined {
    return isSymbolic(type) && type.linkage !== BTF_STATIC && this.#names.has(type.name) ? type.name : undefined;
  }

  #choose(input: LinkInput): void {
    for (let id = 1; id < input.btf.nrTypes; id++) {
      const name = this.#globalName(input.btf.type(id));
      if (name === undefined) continue;
      const known = this.#chosen.get(name);
      const definition = this.#names.get(name)!.definition;
      const defines = (input.btf.type(id) as Symbolic).linkage === BTF_GLOBAL;
      if (known === undefined || (definition?.input === input && defines)) this.#chosen.set(name, { input, id });
    }
  }

  /** Gives each type its id in the concatenation; DATASECs get none, names with another choice that one's. */
  #number(): void {
    let next = 1;
    for (const input of this.#inputs) {
      const ids = new Uint32Array(input.btf.nrTypes);
      for (let id = 1; id < input.btf.nrTypes; id++) {
        const type = input.btf.type(id);
        const name = this.#globalName(type);
        const chosen = name === undefined ? undefined : this.#chosen.get(name)!;
        if (type.kind === "DATASEC" || (chosen && (chosen.input !== input || chosen.id !== id))) continue;
        ids[id] = next++;
      }
      this.#ids.set(input, ids);
    }
    for (const input of this.#inputs) {
      const ids = this.#ids.get(input)!;
      for (let id = 1; id < input.btf.nrTypes; id++) {
        const name = this.#globalName(input.btf.type(id));
        if (name === undefined) continue;
        const chosen = this.#chosen.get(name)!;
        ids[id] = this.#ids.get(chosen.input)![chosen.id]!;
      }
    }
  }

  #copy(): void {
    for (const input of this.#inputs) {
      for (let id = 1; id < input.btf.nrTypes; id++) {
        const type = input.btf.type(id);
        const name = this.#globalName(type);
        const chosen = name === undefined ? undefined : this.#chosen.get(name)!;
        if (type.kind === "DATASEC" || (chosen && (chosen.input !== input || chosen.id !== id))) continue;
        this.#types.push(remapType(type, (to) => this.#idOf(input, to)));
      }
    }
  }

  /** The entries of one DATASEC in one input that the result keeps, at their new offsets. */
  #entries(input: LinkInput, section: string, offset: number): BtfVarSecinfo[] {
    return input.btf.findAllByName(section, "DATASEC").flatMap((id) =>
      (input.btf.type(id) as BtfType & { kind: "DATASEC" }).vars.flatMap((entry) => {
        const name = this.#globalName(input.btf.type(entry.type));
        const linked = name === undefined ? undefined : this.#names.get(name)!;
        const here = (input.btf.type(entry.type) as Symbolic).linkage !== BTF_EXTERN;
        const keep = linked === undefined || (linked.definition ? here && linked.definition.input === input : true);
        return keep ? [{ type: this.#idOf(input, entry.type), offset: entry.offset + offset, size: entry.size }] : [];
      }),
    );
  }

  addDatasecs(sections: readonly MergedSection[]): void {
    for (const { name, size, parts } of sections) {
      const vars = parts.flatMap(({ input, offset }) => this.#entries(input, name, offset));
      if (vars.length > 0)
        this.#types.push({ kind: "DATASEC", name, size, vars: vars.sort((a, b) => a.offset - b.offset) });
    }
    for (const name of [".kconfig", ".ksyms"]) {
      const vars = this.#inputs.flatMap((input) => this.#entries(input, name, 0));
      // each extern once, whoever needs it
      const once = [...new Map(vars.map((entry) => [entry.type, { ...entry, offset: 0 }])).values()];
      if (once.length > 0) this.#types.push({ kind: "DATASEC", name, size: 0, vars: once });
    }
  }

  /** The .BTF.ext of all inputs, before deduplication. */
  mergedExt(placements: Placements): BtfExt {
    const ext = { funcs: new Map(), lines: new Map(), relos: new Map() };
    for (const input of this.#inputs) {
      for (const section of input.elf.sections) {
        const place = placements.get(input)!.get(section.index);
        if (place === undefined) continue;
        for (const part of ["funcs", "lines", "relos"] as const) {
          const records = input.ext[part].get(section.name);
          if (records === undefined) continue;
          const moved = records.map((record) => ({
            ...record,
            insn_off: record.insn_off + place.offset,
            ...("type_id" in record ? { type_id: this.#idOf(input, record.type_id) } : {}),
          }));
          ext[part].set(section.name, [...(ext[part].get(section.name) ?? []), ...moved]);
        }
      }
    }
    return ext;
  }

  get types(): readonly BtfType[] {
    return this.#types;
  }

  /** All FUNCs and VARs that speak of one global name, by their ids in the concatenation. */
  *declarations(): Generator<{ name: string; input: LinkInput; type: number }> {
    for (const input of this.#inputs) {
      for (let id = 1; id < input.btf.nrTypes; id++) {
        const type = input.btf.type(id);
        const name = this.#globalName(type);
        if (name !== undefined) yield { name, input, type: this.#idOf(input, (type as Symbolic).type) };
      }
    }
  }

  chosenInput(name: string): LinkInput {
    return this.#chosen.get(name)!.input;
  }
}

/** Sizes must agree where both are known, and shapes always. */
function agree(btf: Btf, a: number, b: number): boolean {
  const [x, y] = [btf.skipModifiers(a), btf.skipModifiers(b)];
  if (x === y) return true;
  const [one, other] = [btf.type(x), btf.type(y)];
  if (one.kind === "FWD" || other.kind === "FWD") return one.name === other.name;
  if ("size" in one && "size" in other && one.size !== other.size) return false;
  if (one.name !== other.name && one.kind !== "INT") return false;
  if (one.kind === "ARRAY" && other.kind === "ARRAY") {
    // an extern array may leave its length open
    return (one.nelems === other.nelems || one.nelems === 0 || other.nelems === 0) && agree(btf, one.type, other.type);
  }
  if (one.kind === "STRUCT" && other.kind === "STRUCT") {
    return (
      one.members.length === other.members.length &&
      one.members.every(
        (member, i) => member.name === other.members[i].name && sameLayout(btf, member.type, other.members[i].type),
      )
    );
  }
  return typesCompatible(btf, x, btf, y);
}

/** Members of map definitions say numbers as array lengths behind a pointer. */
function sameLayout(btf: Btf, a: number, b: number): boolean {
  const [one, other] = [btf.resolved(a), btf.resolved(b)];
  if (one.kind === "PTR" && other.kind === "PTR") {
    const [x, y] = [btf.resolved(one.type), btf.resolved(other.type)];
    if (x.kind === "ARRAY" && y.kind === "ARRAY") return x.nelems === y.nelems;
    return btf.skipModifiers(one.type) === btf.skipModifiers(other.type) || (x.kind === y.kind && x.name === y.name);
  }
  return typesCompatible(btf, btf.skipModifiers(a), btf, btf.skipModifiers(b));
}

/** Every declaration of a name must mean the type of its definition. Throws OBJECT_LINK. */
function checkDeclarations(merge: BtfMerge, btf: Btf, map: Uint32Array): void {
  const first = new Map<string, { input: LinkInput; type: number }>();
  for (const { name, input, type } of merge.declarations()) {
    if (merge.chosenInput(name) === input && !first.has(name)) first.set(name, { input, type: map[type] });
  }
  for (const { name, input, type } of merge.declarations()) {
    const chosen = first.get(name)!;
    if (agree(btf, chosen.type, map[type])) continue;
    throw conflict(
      `${name} is declared with different types`,
      `${formatType(btf, map[type])} in ${input.name}`,
      `${formatType(btf, chosen.type)} as in ${chosen.input.name}`,
      "Declare it in a header that both include",
    );
  }
}

/** The .BTF and .BTF.ext of the result. Throws OBJECT_LINK, BtfError. */
export function mergeBtf(
  inputs: readonly LinkInput[],
  names: ReadonlyMap<string, LinkedName>,
  sections: readonly MergedSection[],
  placements: Placements,
): { btf: Uint8Array; ext: Uint8Array } {
  const merge = new BtfMerge(inputs, names);
  merge.addDatasecs(sections.filter((section) => !isExternSection(section.name)));
  const { builder, map } = dedup(merge.types);
  checkDeclarations(merge, builder.build(), map);
  const ext = merge.mergedExt(placements);
  const renumber = <T extends { readonly type_id: number }>(
    records: ReadonlyMap<string, readonly T[]>,
  ): Map<string, T[]> =>
    new Map(
      [...records].map(([section, list]) => [
        section,
        list.map((record) => ({ ...record, type_id: map[record.type_id] })),
      ]),
    );
  return emitBtfWithExt(builder.types, { funcs: renumber(ext.funcs), lines: ext.lines, relos: renumber(ext.relos) });
}
