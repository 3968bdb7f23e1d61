// .BTF.ext (Documentation/bpf/btf.rst at v7.2): which function, which source line, and which CO-RE relocation belongs to
// an instruction. Offsets stay bytes from the start of the ELF section, as in the file.

import { viewOf } from "../../base/index.ts";
import type { Btf } from "./btf.ts";
import { BtfError } from "./errors.ts";
import { BTF_MAGIC } from "./kinds.ts";

/** A function begins here. */
export interface FuncInfoRecord {
  readonly insn_off: number;
  /** BTF FUNC. */
  readonly type_id: number;
}

/** A source line begins here. */
export interface LineInfoRecord {
  readonly insn_off: number;
  readonly file: string;
  readonly text: string;
  readonly line: number;
  readonly column: number;
}

/** A CO-RE relocation (struct bpf_core_relo). */
export interface CoreRelo {
  readonly insn_off: number;
  /** Root type, in the object's BTF. */
  readonly type_id: number;
  /** `0:1:2`: member and array indices, or an enumerator's index. */
  readonly access: string;
  /** enum bpf_core_relo_kind: 0..12. */
  readonly kind: number;
}

/** The contents of .BTF.ext, by name of the ELF section. */
export interface BtfExt {
  readonly funcs: ReadonlyMap<string, readonly FuncInfoRecord[]>;
  readonly lines: ReadonlyMap<string, readonly LineInfoRecord[]>;
  readonly relos: ReadonlyMap<string, readonly CoreRelo[]>;
}

const OLD_HEADER_SIZE = 24;
const HEADER_SIZE = 32;

const malformed = (message: string, found: number, expected: string): BtfError =>
  new BtfError("BTF_EXT", { message, found: `${found}`, expected, where: ".BTF.ext" });

/** One of the three parts: `u32 record size`, then per section `name, count, records`. */
function parsePart<T>(
  bytes: Uint8Array,
  smallest: number,
  sectionName: (offset: number) => string,
  read: (view: DataView, at: number) => T,
): Map<string, T[]> {
  const bySection = new Map<string, T[]>();
  if (bytes.length === 0) return bySection;
  if (bytes.length < 4) throw malformed("a part is too short", bytes.length, "at least 4 bytes");
  const view = viewOf(bytes);
  const size = view.getUint32(0, true);
  if (size < smallest || size % 4 !== 0)
    throw malformed("a record size makes no sense", size, `a multiple of 4, at least ${smallest}`);
  let at = 4;
  while (at < bytes.length) {
    if (at + 8 > bytes.length)
      throw malformed("a part ends inside a section's header", bytes.length, `at least ${at + 8} bytes`);
    const name = sectionName(view.getUint32(at, true));
    const count = view.getUint32(at + 4, true);
    at += 8;
    if (at + count * size > bytes.length)
      throw malformed(
        `the records of ${name} run beyond the end`,
        count,
        `at most ${Math.floor((bytes.length - at) / size)}`,
      );
    const records = bySection.get(name) ?? [];
    for (let i = 0; i < count; i++) records.push(read(view, at + i * size));
    bySection.set(name, records);
    at += count * size;
  }
  return bySection;
}

/** Parses .BTF.ext, whose strings are in `btf`. Throws BtfError. */
export function parseBtfExt(bytes: Uint8Array, btf: Btf): BtfExt {
  if (bytes.length < OLD_HEADER_SIZE)
    throw malformed("the header is cut off", bytes.length, `at least ${OLD_HEADER_SIZE} bytes`);
  const view = viewOf(bytes);
  if (view.getUint16(0, true) !== BTF_MAGIC)
    throw malformed("the magic number is wrong", view.getUint16(0, true), `${BTF_MAGIC}`);
  const headerSize = view.getUint32(4, true);
  if (headerSize < OLD_HEADER_SIZE || headerSize > bytes.length) {
    throw malformed("the header's length makes no sense", headerSize, `${OLD_HEADER_SIZE} to ${bytes.length}`);
  }
  const part = (at: number): Uint8Array => {
    if (at + 8 > headerSize) return new Uint8Array(0);
    const start = headerSize + view.getUint32(at, true);
    const end = start + view.getUint32(at + 4, true);
    if (end > bytes.length) throw malformed("a part runs beyond the end", end, `at most ${bytes.length}`);
    return bytes.subarray(start, end);
  };
  const strings = new Map<number, string>();
  const string = (offset: number): string => {
    let text = strings.get(offset);
    if (text === undefined) strings.set(offset, (text = btf.strings.at(offset)));
    return text;
  };
  return {
    funcs: parsePart(part(8), 8, string, (view, at) => ({
      insn_off: view.getUint32(at, true),
      type_id: view.getUint32(at + 4, true),
    })),
    lines: parsePart(part(16), 16, string, (view, at) => {
      const place = view.getUint32(at + 12, true);
      return {
        insn_off: view.getUint32(at, true),
        file: string(view.getUint32(at + 4, true)),
        text: string(view.getUint32(at + 8, true)),
        line: place >>> 10,
        column: place & 0x3ff,
      };
    }),
    relos:
      headerSize < HEADER_SIZE
        ? new Map()
        : parsePart(part(24), 16, string, (view, at) => ({
            insn_off: view.getUint32(at, true),
            type_id: view.getUint32(at + 4, true),
            access: string(view.getUint32(at + 8, true)),
            kind: view.getUint32(at + 12, true),
          })),
  };
}
