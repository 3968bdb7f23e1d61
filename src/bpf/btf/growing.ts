// BTF that is made as it is asked for: a source knows types by name and adds those that are looked for, with what they need.
// Structs are filled in when they are first looked at, so that a program that names one of them does not bring all it leads
// to into being. Ids are given in the order of asking, and stay.

import { Btf, noSuchType } from "./btf.ts";
import { emitBtf, StringTable } from "./emit.ts";
import { essentialName, type StringBlock } from "./strings.ts";
import type { BtfComposite, BtfKind, BtfType } from "./types.ts";

/** Where the types of a growing BTF come from. */
export interface TypeSource {
  /** All names there are, in the order of a listing; "" for types without one. */
  names(): Iterable<string>;
  /** Adds the types named `name` that are not there yet. It is asked once for every name, whoever's it is. */
  add(name: string, to: GrowingBtf): void;
}

/** A struct whose members are not made yet. */
interface Unfilled {
  readonly kind: "STRUCT" | "UNION";
  readonly name: string;
  readonly make: () => BtfComposite;
}

/** See the head of the file. `nrTypes` counts the types so far; `bytes`, `ofKind` and the like make all there are. */
export class GrowingBtf extends Btf {
  readonly base: undefined;
  readonly firstId: number = 1;
  readonly #source: TypeSource;
  readonly #types: (BtfType | undefined)[] = [{ kind: "VOID", name: "" }];
  readonly #unfilled = new Map<number, Unfilled>();
  readonly #byName = new Map<string, number[]>();
  readonly #asked = new Set<string>();
  #whole: Btf | undefined;

  constructor(source: TypeSource) {
    super();
    this.#source = source;
  }

  /* ---- for the source ---- */

  /** Appends a type; its id. */
  add(type: BtfType): number {
    return this.#append(type.name, type);
  }

  /** Appends a struct or union that is made when it is first looked at; its id. */
  addLater(kind: "STRUCT" | "UNION", name: string, make: () => BtfComposite): number {
    const id = this.#append(name, undefined);
    this.#unfilled.set(id, { kind, name, make });
    return id;
  }

  #append(name: string, type: BtfType | undefined): number {
    const id = this.#types.length;
    this.#types.push(type);
    if (name === "") return id;
    const ids = this.#byName.get(name);
    if (ids === undefined) this.#byName.set(name, [id]);
    else ids.push(id);
    return id;
  }

  /* ---- as any BTF ---- */

  get nrTypes(): number {
    return this.#types.length;
  }

  kind(id: number): BtfKind {
    return this.#known(id).kind;
  }

  nameOf(id: number): string {
    return this.#known(id).name;
  }

  #known(id: number): BtfType | Unfilled {
    const known = this.#types[id] ?? this.#unfilled.get(id);
    if (known !== undefined) return known;
    throw noSuchType(id, this.nrTypes);
  }

  type(id: number): BtfType {
    const known = this.#types[id];
    if (known !== undefined) return known;
    const unfilled = this.#unfilled.get(id);
    if (unfilled === undefined) throw noSuchType(id, this.nrTypes);
    const type = unfilled.make();
    this.#types[id] = type;
    this.#unfilled.delete(id);
    return type;
  }

  candidates(name: string): readonly number[] {
    // no type of a source is a flavor of another
    const stem = essentialName(name);
    if (!this.#asked.has(stem)) {
      this.#asked.add(stem);
      this.#source.add(stem, this);
    }
    return this.#byName.get(stem) ?? [];
  }

  ofKind(kind: BtfKind): Iterable<number> {
    return this.complete().ofKind(kind);
  }

  get bytes(): Uint8Array {
    return this.complete().bytes;
  }

  get strings(): StringBlock {
    return this.complete().strings;
  }

  rawType(id: number): Uint8Array {
    return this.complete().rawType(id);
  }

  complete(): Btf {
    if (this.#whole !== undefined) return this.#whole;
    for (const name of this.#source.names()) this.candidates(name);
    // filling one in adds others
    const types: BtfType[] = [];
    for (let id = 1; id < this.#types.length; id++) types.push(this.type(id));
    this.#whole = Btf.parse(emitBtf(types, new StringTable()));
    return this.#whole;
  }
}
