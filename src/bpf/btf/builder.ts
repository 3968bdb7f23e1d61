// Builds BTF type by type: each add returns the id of the new type, `emit` writes the whole. Ids may be used before their
// types exist (structs that point to each other): `nextId` tells the next one, `replace` fills in a placeholder.

import { Btf } from "./btf.ts";
import { emitBtf, StringTable } from "./emit.ts";
import { BtfError } from "./errors.ts";
import type { BtfEnumerator, BtfMember, BtfParam, BtfType, BtfVarSecinfo } from "./types.ts";

/** A member given to addStruct: offset in bits, no bitfield unless said so. */
export type MemberInit = Pick<BtfMember, "name" | "type" | "bit_offset"> & Partial<Pick<BtfMember, "bitfield_size">>;

/** An enumerator given to addEnum. */
export interface EnumeratorInit {
  readonly name: string;
  readonly val: number | bigint;
}

/** What an INT is, besides its size. */
export interface IntInit {
  readonly signed?: boolean;
  readonly char?: boolean;
  readonly bool?: boolean;
  readonly bits?: number;
  readonly offset?: number;
}

/** linkage of FUNC and VAR. */
export const BTF_STATIC = 0;
export const BTF_GLOBAL = 1;
export const BTF_EXTERN = 2;

const memberOf = ({ name, type, bit_offset, bitfield_size = 0 }: MemberInit): BtfMember => ({
  name,
  type,
  bit_offset,
  bitfield_size,
});
const enumeratorOf = ({ name, val }: EnumeratorInit): BtfEnumerator => ({ name, val: BigInt(val) });

/** A BTF under construction. Sizes in bytes, member offsets in bits. */
export class BtfBuilder {
  readonly #types: BtfType[] = [];
  readonly #base: Btf | undefined;
  readonly #firstId: number;

  /** `base`: build a split BTF on top of it. */
  constructor(base?: Btf) {
    this.#base = base;
    this.#firstId = base?.nrTypes ?? 1;
  }

  /** The id the next added type will get. */
  get nextId(): number {
    return this.#firstId + this.#types.length;
  }

  /** The types so far, in order of id. */
  get types(): readonly BtfType[] {
    return this.#types;
  }

  /** Appends any type, as decoded types look. */
  add(type: BtfType): number {
    this.#types.push(type);
    return this.nextId - 1;
  }

  /** Puts another type in the place of `id`. */
  replace(id: number, type: BtfType): void {
    if (this.#types[id - this.#firstId] === undefined) {
      throw new BtfError("BTF_ID", { message: "only a type added before can be replaced", found: `id ${id}` });
    }
    this.#types[id - this.#firstId] = type;
  }

  addInt(name: string, size: number, init: IntInit = {}): number {
    const { signed = false, char = false, bool = false, bits = size * 8, offset = 0 } = init;
    return this.add({ kind: "INT", name, size, bits, offset, signed, char, bool });
  }
  addFloat(name: string, size: number): number {
    return this.add({ kind: "FLOAT", name, size });
  }
  /** A pointer to `type`; 0 makes `void *`. */
  addPtr(type: number): number {
    return this.add({ kind: "PTR", name: "", type });
  }
  addConst(type: number): number {
    return this.add({ kind: "CONST", name: "", type });
  }
  addVolatile(type: number): number {
    return this.add({ kind: "VOLATILE", name: "", type });
  }
  addRestrict(type: number): number {
    return this.add({ kind: "RESTRICT", name: "", type });
  }
  addTypedef(name: string, type: number): number {
    return this.add({ kind: "TYPEDEF", name, type });
  }
  addArray(type: number, index_type: number, nelems: number): number {
    return this.add({ kind: "ARRAY", name: "", type, index_type, nelems });
  }
  addStruct(name: string, size: number, members: readonly MemberInit[]): number {
    return this.add({ kind: "STRUCT", name, size, members: members.map(memberOf) });
  }
  addUnion(name: string, size: number, members: readonly MemberInit[]): number {
    return this.add({ kind: "UNION", name, size, members: members.map(memberOf) });
  }
  /** An enum of `size` bytes, signed when a value is negative unless said otherwise. */
  addEnum(name: string, size: number, values: readonly EnumeratorInit[], signed?: boolean): number {
    const list = values.map(enumeratorOf);
    return this.add({ kind: "ENUM", name, size, signed: signed ?? list.some(({ val }) => val < 0n), values: list });
  }
  addEnum64(name: string, size: number, values: readonly EnumeratorInit[], signed?: boolean): number {
    const list = values.map(enumeratorOf);
    return this.add({ kind: "ENUM64", name, size, signed: signed ?? list.some(({ val }) => val < 0n), values: list });
  }
  addFwd(name: string, union = false): number {
    return this.add({ kind: "FWD", name, union });
  }
  addFuncProto(type: number, params: readonly BtfParam[]): number {
    return this.add({ kind: "FUNC_PROTO", name: "", type, params: [...params] });
  }
  /** `proto`: id of a FUNC_PROTO. */
  addFunc(name: string, proto: number, linkage: number = BTF_GLOBAL): number {
    return this.add({ kind: "FUNC", name, type: proto, linkage });
  }
  addVar(name: string, type: number, linkage: number = BTF_GLOBAL): number {
    return this.add({ kind: "VAR", name, type, linkage });
  }
  addDatasec(name: string, size: number, vars: readonly BtfVarSecinfo[]): number {
    return this.add({ kind: "DATASEC", name, size, vars: [...vars] });
  }
  addDeclTag(name: string, type: number, component_idx = -1): number {
    return this.add({ kind: "DECL_TAG", name, type, component_idx });
  }
  addTypeTag(name: string, type: number): number {
    return this.add({ kind: "TYPE_TAG", name, type, attribute: false });
  }

  /** The bytes of the BTF so far. */
  emit(): Uint8Array<ArrayBuffer> {
    return emitBtf(this.#types, new StringTable(this.#base?.strings.end));
  }

  /** The BTF so far, parsed. */
  build(): Btf {
    return Btf.parse(this.emit(), this.#base);
  }
}
