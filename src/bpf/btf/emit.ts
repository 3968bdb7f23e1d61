// BTF types back to bytes: the inverse of decode.ts, and the string block being built.

import {
  BTF_HEADER_SIZE,
  BTF_INT_BOOL,
  BTF_INT_CHAR,
  BTF_INT_SIGNED,
  BTF_MAGIC,
  BTF_VERSION,
  KIND_NUMBER,
} from "./kinds.ts";
import { concatBytes, viewOf } from "../../base/index.ts";
import { BtfError } from "./errors.ts";
import type { BtfComposite, BtfEnum, BtfInt, BtfType } from "./types.ts";

const UTF8 = new TextEncoder();

/** Collects strings, each once; offset 0 is the empty one. For split BTF, on top of the strings of the base. */
export class StringTable {
  readonly #offsets = new Map<string, number>([["", 0]]);
  readonly #parts: Uint8Array[] = [];
  readonly #known: (text: string) => number | undefined;
  readonly start: number;
  #end: number;

  constructor(start = 0, known: (text: string) => number | undefined = () => undefined) {
    this.start = start;
    this.#end = start;
    this.#known = known;
    if (start === 0) this.#append(new Uint8Array(1));
  }

  #append(bytes: Uint8Array): number {
    const at = this.#end;
    this.#parts.push(bytes);
    this.#end += bytes.length;
    return at;
  }

  /** The offset of `text`, added if it is new. */
  add(text: string): number {
    let at = this.#offsets.get(text) ?? this.#known(text);
    if (at === undefined) {
      if (text.includes("\0")) {
        throw new BtfError("BTF_STRING", { message: "a name contains a NUL", found: JSON.stringify(text) });
      }
      at = this.#append(UTF8.encode(`${text}\0`));
    }
    this.#offsets.set(text, at);
    return at;
  }

  bytes(): Uint8Array<ArrayBuffer> {
    return concatBytes(this.#parts);
  }
}

/** Three common words and what follows them, as 32-bit words. */
interface Words {
  readonly vlen?: number;
  readonly flag?: boolean;
  readonly word: number;
  readonly rest?: readonly number[];
}

function intWords(type: BtfInt): Words {
  const encoding = (type.signed ? BTF_INT_SIGNED : 0) | (type.char ? BTF_INT_CHAR : 0) | (type.bool ? BTF_INT_BOOL : 0);
  return { word: type.size, rest: [((encoding << 24) | (type.offset << 16) | type.bits) >>> 0] };
}

function compositeWords({ name, size, members }: BtfComposite, string: (text: string) => number): Words {
  const flag = members.some((member) => member.bitfield_size !== 0);
  const rest = members.flatMap((member) => {
    if (member.bit_offset >= (flag ? 2 ** 24 : 2 ** 32) || member.bitfield_size > 255) {
      throw new BtfError("BTF_RANGE", {
        message: "a member lies too far from the start of its struct for BTF",
        found: `bit ${member.bit_offset}`,
        where: `${name}.${member.name}`,
      });
    }
    return [string(member.name), member.type, ((member.bitfield_size << 24) | member.bit_offset) >>> 0];
  });
  return { vlen: members.length, flag, word: size, rest };
}

function enumWords(type: BtfEnum, string: (text: string) => number): Words {
  const rest = type.values.flatMap(({ name, val }) => {
    const low = Number(BigInt.asUintN(32, val));
    return type.kind === "ENUM" ? [string(name), low] : [string(name), low, Number(BigInt.asUintN(32, val >> 32n))];
  });
  return { vlen: type.values.length, flag: type.signed, word: type.size, rest };
}

function wordsOf(type: BtfType, string: (text: string) => number): Words {
  switch (type.kind) {
    case "VOID":
      throw new BtfError("BTF_KIND", { message: "void is type 0 and is never stored" });
    case "INT":
      return intWords(type);
    case "PTR":
    case "TYPEDEF":
    case "VOLATILE":
    case "CONST":
    case "RESTRICT":
      return { word: type.type };
    case "ARRAY":
      return { word: 0, rest: [type.type, type.index_type, type.nelems] };
    case "STRUCT":
    case "UNION":
      return compositeWords(type, string);
    case "ENUM":
    case "ENUM64":
      return enumWords(type, string);
    case "FWD":
      return { flag: type.union, word: 0 };
    case "FUNC":
      return { vlen: type.linkage, word: type.type };
    case "FUNC_PROTO":
      return {
        vlen: type.params.length,
        word: type.type,
        rest: type.params.flatMap((param) => [string(param.name), param.type]),
      };
    case "VAR":
      return { word: type.type, rest: [type.linkage] };
    case "DATASEC":
      return {
        vlen: type.vars.length,
        word: type.size,
        rest: type.vars.flatMap((variable) => [variable.type, variable.offset, variable.size]),
      };
    case "FLOAT":
      return { word: type.size };
    case "DECL_TAG":
      return { flag: type.attribute === true, word: type.type, rest: [type.component_idx >>> 0] };
    case "TYPE_TAG":
      return { flag: type.attribute, word: type.type };
  }
}

/** The words of one type, its strings entered by `string`, which gives their offsets. */
export function encodeType(type: BtfType, string: (text: string) => number): number[] {
  const name = string(type.name);
  const { vlen = 0, flag = false, word, rest = [] } = wordsOf(type, string);
  const info = (((flag ? 1 : 0) << 31) | (KIND_NUMBER[type.kind] << 24) | vlen) >>> 0;
  return [name, info, word, ...rest];
}

/** A whole BTF: header, types, strings. */
export function emitBtf(types: Iterable<BtfType>, strings: StringTable): Uint8Array<ArrayBuffer> {
  const words: number[] = [];
  for (const type of types) for (const word of encodeType(type, (text) => strings.add(text))) words.push(word);
  const stringBytes = strings.bytes();
  const typeBytes = words.length * 4;
  const out = new Uint8Array(BTF_HEADER_SIZE + typeBytes + stringBytes.length);
  const view = viewOf(out);
  view.setUint16(0, BTF_MAGIC, true);
  view.setUint8(2, BTF_VERSION);
  for (const [i, value] of [BTF_HEADER_SIZE, 0, typeBytes, typeBytes, stringBytes.length].entries()) {
    view.setUint32(4 + i * 4, value, true);
  }
  for (let i = 0; i < words.length; i++) view.setUint32(BTF_HEADER_SIZE + i * 4, words[i], true);
  out.set(stringBytes, BTF_HEADER_SIZE + typeBytes);
  return out;
}
