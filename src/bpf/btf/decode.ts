// One BTF type from its bytes to a plain object, one function per kind. The bytes are known to be there (indexTypes).

import {
  BTF_INT_BOOL,
  BTF_INT_CHAR,
  BTF_INT_SIGNED,
  BTF_TYPE_SIZE,
  KINDS,
  kindFlagOf,
  kindOf,
  vlenOf,
} from "./kinds.ts";
import type { StringBlock } from "./strings.ts";
import type { BtfKind, BtfType } from "./types.ts";

/** A type about to be decoded: `at` is the offset of its body, after the common part. */
interface Raw {
  readonly view: DataView;
  readonly strings: StringBlock;
  readonly name: string;
  readonly vlen: number;
  readonly flag: boolean;
  /** The third word: a size or a type id. */
  readonly word: number;
  readonly at: number;
}

type Decoder = (raw: Raw) => BtfType;

const referring =
  (kind: "PTR" | "TYPEDEF" | "VOLATILE" | "CONST" | "RESTRICT"): Decoder =>
  ({ name, word }) => ({ kind, name, type: word });

/** vlen elements of `size` bytes. */
function elements<T>(
  { view, strings, vlen, at }: Raw,
  size: number,
  read: (view: DataView, at: number, strings: StringBlock) => T,
): T[] {
  const list: T[] = [];
  for (let i = 0; i < vlen; i++) list.push(read(view, at + i * size, strings));
  return list;
}

const decodeInt: Decoder = ({ view, name, word, at }) => {
  const data = view.getUint32(at, true);
  const encoding = (data >>> 24) & 0xf;
  return {
    kind: "INT",
    name,
    size: word,
    bits: data & 0xff,
    offset: (data >>> 16) & 0xff,
    signed: (encoding & BTF_INT_SIGNED) !== 0,
    char: (encoding & BTF_INT_CHAR) !== 0,
    bool: (encoding & BTF_INT_BOOL) !== 0,
  };
};

const composite =
  (kind: "STRUCT" | "UNION"): Decoder =>
  (raw) => ({
    kind,
    name: raw.name,
    size: raw.word,
    members: elements(raw, 12, (view, at, strings) => {
      const offset = view.getUint32(at + 8, true);
      return {
        name: strings.at(view.getUint32(at, true)),
        type: view.getUint32(at + 4, true),
        bit_offset: raw.flag ? offset & 0xffffff : offset,
        bitfield_size: raw.flag ? offset >>> 24 : 0,
      };
    }),
  });

const DECODERS: Readonly<Record<BtfKind, Decoder>> = {
  VOID: ({ name }) => ({ kind: "VOID", name }),
  INT: decodeInt,
  PTR: referring("PTR"),
  ARRAY: ({ view, name, at }) => ({
    kind: "ARRAY",
    name,
    type: view.getUint32(at, true),
    index_type: view.getUint32(at + 4, true),
    nelems: view.getUint32(at + 8, true),
  }),
  STRUCT: composite("STRUCT"),
  UNION: composite("UNION"),
  ENUM: (raw) => ({
    kind: "ENUM",
    name: raw.name,
    size: raw.word,
    signed: raw.flag,
    values: elements(raw, 8, (view, at, strings) => ({
      name: strings.at(view.getUint32(at, true)),
      val: BigInt(raw.flag ? view.getInt32(at + 4, true) : view.getUint32(at + 4, true)),
    })),
  }),
  FWD: ({ name, flag }) => ({ kind: "FWD", name, union: flag }),
  TYPEDEF: referring("TYPEDEF"),
  VOLATILE: referring("VOLATILE"),
  CONST: referring("CONST"),
  RESTRICT: referring("RESTRICT"),
  FUNC: ({ name, vlen, word }) => ({ kind: "FUNC", name, type: word, linkage: vlen }),
  FUNC_PROTO: (raw) => ({
    kind: "FUNC_PROTO",
    name: raw.name,
    type: raw.word,
    params: elements(raw, 8, (view, at, strings) => ({
      name: strings.at(view.getUint32(at, true)),
      type: view.getUint32(at + 4, true),
    })),
  }),
  VAR: ({ view, name, word, at }) => ({ kind: "VAR", name, type: word, linkage: view.getUint32(at, true) }),
  DATASEC: (raw) => ({
    kind: "DATASEC",
    name: raw.name,
    size: raw.word,
    vars: elements(raw, 12, (view, at) => ({
      type: view.getUint32(at, true),
      offset: view.getUint32(at + 4, true),
      size: view.getUint32(at + 8, true),
    })),
  }),
  FLOAT: ({ name, word }) => ({ kind: "FLOAT", name, size: word }),
  DECL_TAG: ({ view, name, word, flag, at }) => ({
    kind: "DECL_TAG",
    name,
    type: word,
    component_idx: view.getInt32(at, true),
    attribute: flag,
  }),
  TYPE_TAG: ({ name, word, flag }) => ({ kind: "TYPE_TAG", name, type: word, attribute: flag }),
  ENUM64: (raw) => ({
    kind: "ENUM64",
    name: raw.name,
    size: raw.word,
    signed: raw.flag,
    values: elements(raw, 12, (view, at, strings) => {
      const val = (BigInt(view.getUint32(at + 8, true)) << 32n) | BigInt(view.getUint32(at + 4, true));
      return { name: strings.at(view.getUint32(at, true)), val: raw.flag ? BigInt.asIntN(64, val) : val };
    }),
  }),
};

/** Decodes the type at byte `offset` of the type section. Throws BTF_STRING when a name is not there. */
export function decodeType(view: DataView, offset: number, strings: StringBlock): BtfType {
  const info = view.getUint32(offset + 4, true);
  return DECODERS[KINDS[kindOf(info)].name]({
    view,
    strings,
    name: strings.at(view.getUint32(offset, true)),
    vlen: vlenOf(info),
    flag: kindFlagOf(info),
    word: view.getUint32(offset + 8, true),
    at: offset + BTF_TYPE_SIZE,
  });
}
