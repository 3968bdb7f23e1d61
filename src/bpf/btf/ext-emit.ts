// Writes .BTF.ext, and the BTF whose string table it shares: the inverse of ext-info.ts.

import { concatBytes, viewOf } from "../../base/index.ts";
import { emitBtf, StringTable } from "./emit.ts";
import { BtfError } from "./errors.ts";
import type { BtfExt } from "./ext-info.ts";
import { BTF_MAGIC, BTF_VERSION } from "./kinds.ts";
import type { BtfType } from "./types.ts";

const HEADER_SIZE = 32;

/** `u32 record size`, then per section `name, count, records`; nothing when there are no records. */
function part<T>(
  bySection: ReadonlyMap<string, readonly T[]>,
  size: number,
  string: (text: string) => number,
  words: (record: T) => number[],
): Uint8Array {
  const out: number[] = [];
  for (const [section, records] of bySection) {
    if (records.length === 0) continue;
    out.push(string(section), records.length);
    for (const record of records) out.push(...words(record));
  }
  if (out.length > 0) out.unshift(size);
  const bytes = new Uint8Array(out.length * 4);
  const view = viewOf(bytes);
  for (const [i, word] of out.entries()) view.setUint32(i * 4, word, true);
  return bytes;
}

function place(line: number, column: number): number {
  if (line >= 1 << 22)
    throw new BtfError("BTF_RANGE", {
      message: "a line number does not fit",
      found: `${line}`,
      expected: `below ${1 << 22}`,
    });
  return ((line << 10) | Math.min(column, 0x3ff)) >>> 0;
}

/** Both sections for an object; `ext` may lack parts. */
export function emitBtfWithExt(
  types: Iterable<BtfType>,
  ext: Partial<BtfExt>,
): { btf: Uint8Array<ArrayBuffer>; ext: Uint8Array<ArrayBuffer> } {
  const strings = new StringTable();
  const string = (text: string): number => strings.add(text);
  const parts = [
    part(ext.funcs ?? new Map(), 8, string, ({ insn_off, type_id }) => [insn_off, type_id]),
    part(ext.lines ?? new Map(), 16, string, ({ insn_off, file, text, line, column }) => [
      insn_off,
      string(file),
      string(text),
      place(line, column),
    ]),
    part(ext.relos ?? new Map(), 16, string, ({ insn_off, type_id, access, kind }) => [
      insn_off,
      type_id,
      string(access),
      kind,
    ]),
  ];
  const header = new Uint8Array(HEADER_SIZE);
  const view = viewOf(header);
  view.setUint16(0, BTF_MAGIC, true);
  view.setUint8(2, BTF_VERSION);
  view.setUint32(4, HEADER_SIZE, true);
  let at = 0;
  for (const [i, bytes] of parts.entries()) {
    view.setUint32(8 + i * 8, at, true);
    view.setUint32(12 + i * 8, bytes.length, true);
    at += bytes.length;
  }
  return { btf: emitBtf(types, strings), ext: concatBytes([header, ...parts]) };
}
