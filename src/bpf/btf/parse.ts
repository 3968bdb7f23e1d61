// The BTF container (Documentation/bpf/btf.rst at v7.2): the header, and one pass over the types that finds where each
// begins and makes sure that it ends inside the section. Types are decoded later, one at a time (decode.ts).

import { viewOf } from "../../base/index.ts";
import { BtfError } from "./errors.ts";
import { BTF_HEADER_SIZE, BTF_MAGIC, BTF_TYPE_SIZE, BTF_VERSION, KINDS, kindOf, vlenOf } from "./kinds.ts";

/** The parts of a BTF blob. */
export interface BtfSections {
  readonly types: Uint8Array;
  readonly strings: Uint8Array;
}

const truncated = (what: string, found: number, expected: string): BtfError =>
  new BtfError("BTF_TRUNCATED", {
    message: `${what} runs beyond the end`,
    found: `${found} bytes`,
    expected,
    where: "BTF header",
  });

/** Checks the header and cuts out the sections. `split`: the strings continue those of a base. */
export function readSections(bytes: Uint8Array, split: boolean): BtfSections {
  if (bytes.length < 4) throw truncated("the header", bytes.length, `at least ${BTF_HEADER_SIZE}`);
  const view = viewOf(bytes);
  const magic = view.getUint16(0, true);
  if (magic === 0x9feb) {
    throw new BtfError("BTF_BIG_ENDIAN", {
      message: "this BTF is big-endian",
      expected: "little-endian",
      where: "BTF header",
      remedy: "Compile with -target bpfel",
    });
  }
  if (magic !== BTF_MAGIC) {
    throw new BtfError("BTF_MAGIC", {
      message: "this is not BTF",
      found: `magic 0x${magic.toString(16)}`,
      expected: "0xeb9f",
      where: "BTF header",
    });
  }
  if (view.getUint8(2) !== BTF_VERSION) {
    throw new BtfError("BTF_VERSION", {
      message: "this version of BTF is not known",
      found: `${view.getUint8(2)}`,
      expected: `${BTF_VERSION}`,
      where: "BTF header",
    });
  }
  if (bytes.length < BTF_HEADER_SIZE) throw truncated("the header", bytes.length, `at least ${BTF_HEADER_SIZE}`);
  const headerSize = view.getUint32(4, true);
  if (headerSize < BTF_HEADER_SIZE || headerSize > bytes.length) {
    throw new BtfError("BTF_HEADER", {
      message: "the header's length makes no sense",
      found: `${headerSize}`,
      expected: `${BTF_HEADER_SIZE} to ${bytes.length}`,
      where: "BTF header",
    });
  }
  const section = (name: string, at: number): Uint8Array => {
    const start = headerSize + view.getUint32(at, true);
    const length = view.getUint32(at + 4, true);
    if (start + length > bytes.length) throw truncated(`the ${name} section`, bytes.length, `${start + length}`);
    return bytes.subarray(start, start + length);
  };
  const types = section("type", 8);
  const strings = section("string", 16);
  if (!split && strings.length === 0) throw truncated("the string section", 0, "at least 1");
  if (strings.length > 0 && (strings.at(-1) !== 0 || (!split && strings[0] !== 0))) {
    throw new BtfError("BTF_STRING", {
      message: "the string section does not begin with an empty string and end with a NUL",
      where: "BTF strings",
    });
  }
  return { types, strings };
}

/** The type section as 32-bit words: a view where it is aligned, else a copy. A last part of a word is cut off. */
export function wordsOf(types: Uint8Array): Uint32Array {
  const aligned = types.byteOffset % 4 === 0 ? types : types.slice();
  return new Uint32Array(aligned.buffer, aligned.byteOffset, aligned.length >>> 2);
}

/** Bytes by kind number, as flat tables: this pass runs over every type of vmlinux. */
const FIXED = Uint8Array.from(KINDS, ({ fixed }) => BTF_TYPE_SIZE + fixed);
const ELEMENT = Uint8Array.from(KINDS, ({ element }) => element);

/** Byte offsets in `types` of its types. `words` are the same bytes; `firstId` only serves messages. */
export function indexTypes(types: Uint8Array, words: Uint32Array, firstId: number): Uint32Array<ArrayBuffer> {
  // the smallest type has 12 bytes, which bounds the count
  const offsets = new Uint32Array(Math.floor(types.length / BTF_TYPE_SIZE));
  let count = 0;
  let at = 0;
  while (at < types.length) {
    if (at + BTF_TYPE_SIZE > types.length) {
      throw new BtfError("BTF_TRUNCATED", {
        message: "the type section ends inside a type",
        where: `BTF type ${firstId + count}`,
      });
    }
    const info = words[(at >>> 2) + 1];
    const kind = kindOf(info);
    if (kind === 0 || kind >= KINDS.length) {
      throw new BtfError("BTF_KIND", {
        message: "a type is of an unknown kind",
        found: `${kind}`,
        expected: `1 to ${KINDS.length - 1}`,
        where: `BTF type ${firstId + count}`,
      });
    }
    offsets[count++] = at;
    at += FIXED[kind] + ELEMENT[kind] * vlenOf(info);
  }
  if (at > types.length) {
    throw new BtfError("BTF_TRUNCATED", {
      message: "a type runs beyond the end of the type section",
      where: `BTF type ${firstId + count - 1}`,
    });
  }
  return offsets.slice(0, count);
}
