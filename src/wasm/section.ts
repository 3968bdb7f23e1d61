// The frame all sections share (core spec 5.5.2): a one-byte id, the size in bytes, the contents.

import type { ByteWriter } from "./byte-writer.ts";

/** Section ids, in the order a module must have them, but for custom which may stand anywhere. */
export const SECTION = {
  custom: 0,
  type: 1,
  import: 2,
  function: 3,
  table: 4,
  memory: 5,
  global: 6,
  export: 7,
  start: 8,
  element: 9,
  code: 10,
  data: 11,
} as const;

/** Appends a section; an empty one (no contents) is left out. */
export function writeSection(out: ByteWriter, id: number, contents: Uint8Array): void {
  if (contents.length === 0) return;
  out.u8(id);
  out.u32(contents.length);
  out.bytes(contents);
}
