// BTF as its users see it: types by id and by name, on top of a base where there is one. One that was parsed decodes nothing
// before it is asked for: of vmlinux's 100,000 and more types a loop needs a few dozen. Names are hashed while parsing, so
// that lookups are quick at once. (growing.ts has BTF that is made as it is asked for.)

import { viewOf } from "../../base/index.ts";
import { decodeType } from "./decode.ts";
import { BtfError } from "./errors.ts";
import { BTF_TYPE_SIZE, KIND_NUMBER, KINDS, kindOf } from "./kinds.ts";
import { indexTypes, readSections, wordsOf } from "./parse.ts";
import { NameIndex, StringBlock } from "./strings.ts";
import type { BtfKind, BtfType } from "./types.ts";

const VOID: BtfType = { kind: "VOID", name: "" };
/** Modifiers and typedefs in a row; the kernel gives up at 32. */
const MOST_MODIFIERS = 64;
const MODIFIERS: ReadonlySet<BtfKind> = new Set(["CONST", "VOLATILE", "RESTRICT", "TYPE_TAG", "TYPEDEF"]);
const POINTER_SIZE = 8;

/** BTF, read-only. Type ids run from 0 (void) to `nrTypes - 1`. */
export abstract class Btf {
  /** The bytes it was parsed from, or would be. */
  abstract readonly bytes: Uint8Array;
  abstract readonly base: Btf | undefined;
  /** The first id that is not of the base: 1 without one. */
  abstract readonly firstId: number;
  /** Number of types, void and those of the base included. */
  abstract readonly nrTypes: number;
  abstract readonly strings: StringBlock;

  /** Parses a .BTF section or file; `base` for split BTF (a module's). Throws BtfError. */
  static parse(bytes: Uint8Array, base?: Btf): Btf {
    return new ParsedBtf(bytes, base);
  }

  /** The kind of type `id`, without decoding the rest. */
  abstract kind(id: number): BtfKind;

  /** The name of type `id`, without decoding the rest; "" for none. */
  abstract nameOf(id: number): string;

  /** The type `id`. Throws BTF_ID, BTF_STRING. */
  abstract type(id: number): BtfType;

  /** Ids that may be named `name` or a flavor of it (`name___x`), ascending; the caller compares names. */
  abstract candidates(name: string): Iterable<number>;

  /** Ids of the own types of one kind, ascending. */
  abstract ofKind(kind: BtfKind): Iterable<number>;

  /** Raw bytes of own type `id` (12 and what follows), for round-trip checks. */
  abstract rawType(id: number): Uint8Array;

  /** The same with all its types there, for those who go through them by id up to `nrTypes`. */
  abstract complete(): Btf;

  /** Id of the first type named `name`, of `kind` if given; those of the base come first. */
  findByName(name: string, kind?: BtfKind): number | undefined {
    for (const id of this.candidates(name)) {
      if ((kind === undefined || this.kind(id) === kind) && this.nameOf(id) === name) return id;
    }
    return undefined;
  }

  /** Ids of all types named `name`, of `kind` if given, ascending. */
  findAllByName(name: string, kind?: BtfKind): number[] {
    const ids: number[] = [];
    for (const id of this.candidates(name)) {
      if ((kind === undefined || this.kind(id) === kind) && this.nameOf(id) === name) ids.push(id);
    }
    return ids;
  }

  /** The id behind const, volatile, restrict, type tags and typedefs. Throws BTF_LOOP when there is no end to them. */
  skipModifiers(id: number): number {
    for (let steps = 0; steps < MOST_MODIFIERS; steps++) {
      if (!MODIFIERS.has(this.kind(id))) return id;
      id = (this.type(id) as BtfType & { type: number }).type;
    }
    throw loopError(id);
  }

  /** The type behind modifiers and typedefs. */
  resolved(id: number): BtfType {
    return this.type(this.skipModifiers(id));
  }

  /** Size in bytes of type `id`. Throws BTF_SIZE for void, functions and forward declarations. */
  sizeOf(id: number): number {
    let factor = 1;
    for (let steps = 0; steps < MOST_MODIFIERS; steps++) {
      const type = this.type(id);
      switch (type.kind) {
        case "INT":
        case "STRUCT":
        case "UNION":
        case "ENUM":
        case "ENUM64":
        case "FLOAT":
        case "DATASEC":
          return checkedSize(id, factor * type.size);
        case "PTR":
          return checkedSize(id, factor * POINTER_SIZE);
        case "ARRAY":
          factor *= type.nelems;
          id = type.type;
          break;
        case "TYPEDEF":
        case "VOLATILE":
        case "CONST":
        case "RESTRICT":
        case "TYPE_TAG":
        case "DECL_TAG":
        case "VAR":
          id = type.type;
          break;
        default:
          throw new BtfError("BTF_SIZE", {
            message: "the type has no size",
            found: type.name ? `${type.kind} ${type.name}` : type.kind,
            where: `BTF type ${id}`,
          });
      }
    }
    throw loopError(id);
  }
}

class ParsedBtf extends Btf {
  readonly bytes: Uint8Array;
  readonly base: Btf | undefined;
  readonly firstId: number;
  readonly nrTypes: number;
  readonly strings: StringBlock;
  readonly #view: DataView;
  readonly #offsets: Uint32Array;
  readonly #cache: (BtfType | undefined)[] = [];
  readonly #names: NameIndex;

  constructor(bytes: Uint8Array, base: Btf | undefined) {
    super();
    const sections = readSections(bytes, base !== undefined);
    this.bytes = bytes;
    this.base = base;
    this.firstId = base?.nrTypes ?? 1;
    this.strings = new StringBlock(sections.strings, base?.strings);
    this.#view = viewOf(sections.types);
    const words = wordsOf(sections.types);
    this.#offsets = indexTypes(sections.types, words, this.firstId);
    this.nrTypes = this.firstId + this.#offsets.length;
    this.#names = new NameIndex(this.strings, words, this.#offsets);
  }

  /** Bytes of the type section's part that describes `id`, for those who copy types; id must not be 0. */
  #offsetOf(id: number): number {
    const offset = this.#offsets[id - this.firstId];
    if (offset !== undefined) return offset;
    throw noSuchType(id, this.nrTypes);
  }

  kind(id: number): BtfKind {
    if (id === 0) return "VOID";
    if (id < this.firstId && this.base !== undefined) return this.base.kind(id);
    return KINDS[kindOf(this.#view.getUint32(this.#offsetOf(id) + 4, true))].name;
  }

  nameOf(id: number): string {
    if (id === 0) return "";
    if (id < this.firstId && this.base !== undefined) return this.base.nameOf(id);
    return this.strings.at(this.#view.getUint32(this.#offsetOf(id), true));
  }

  type(id: number): BtfType {
    if (id === 0) return VOID;
    if (id < this.firstId && this.base !== undefined) return this.base.type(id);
    let type = this.#cache[id - this.firstId];
    if (type === undefined) {
      type = decodeType(this.#view, this.#offsetOf(id), this.strings);
      this.#cache[id - this.firstId] = type;
    }
    return type;
  }

  *candidates(name: string): Generator<number> {
    if (this.base !== undefined) yield* this.base.candidates(name);
    for (const index of this.#names.candidates(name)) yield this.firstId + index;
  }

  *ofKind(kind: BtfKind): Generator<number> {
    const wanted = KIND_NUMBER[kind];
    for (let i = 0; i < this.#offsets.length; i++) {
      if (kindOf(this.#view.getUint32(this.#offsets[i] + 4, true)) === wanted) yield this.firstId + i;
    }
  }

  rawType(id: number): Uint8Array {
    const start = this.#offsetOf(id);
    const end = this.#offsets[id - this.firstId + 1] ?? this.#view.byteLength;
    return new Uint8Array(this.#view.buffer, this.#view.byteOffset + start, Math.max(end - start, BTF_TYPE_SIZE));
  }

  complete(): Btf {
    return this;
  }
}

/** The error of asking for a type that is not there. */
export function noSuchType(id: number, nrTypes: number): BtfError {
  return new BtfError("BTF_ID", {
    message: "there is no such type",
    found: `id ${id}`,
    expected: `0 to ${nrTypes - 1}`,
    where: "BTF",
  });
}

function checkedSize(id: number, size: number): number {
  if (size < 2 ** 32) return size;
  throw new BtfError("BTF_SIZE", {
    message: "the type is too large",
    found: `${size} bytes`,
    expected: "less than 4 GiB",
    where: `BTF type ${id}`,
  });
}

function loopError(id: number): BtfError {
  return new BtfError("BTF_LOOP", {
    message: "a chain of types has no end",
    expected: `at most ${MOST_MODIFIERS} in a row`,
    where: `BTF type ${id}`,
  });
}
