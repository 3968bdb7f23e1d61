// The shadow: what the JIT's code for unverified programs asks before each access. For every 8 bytes of the memory one byte
// says how far from there on a program may go:
//
//     bits 0-4    bytes, from the first of the 8 on, that lie in the same segment: 0, or up to 16
//     bit 7       not to be written
//
// so that an access of n <= 8 bytes at address a is good when (a & 7) + n <= bits 0-4 of one byte, and a write when that byte,
// read as a signed one, is at least as much. The bytes of 64 KiB of memory are a row of 8 KiB; a table says where each row
// lies. Pages that are nobody's, or all of one kind, share a row. Frames of a stack that are not in use are 0x80: the code of a
// call opens the callee's frame and closes it again, for which the row must be the page's own.

import {
  SHADOW_CLOSED,
  SHADOW_READ_ONLY,
  SHADOW_ROW_SIZE,
  SHADOW_ROWS,
  SHADOW_TABLE,
  SHADOW_WHOLE,
} from "./control-block.ts";

const PAGE = 0x10000;
/** Rows that are shared, by what the table holds for them: all closed, all to be written, all to be read. */
const SHARED_WRITABLE = SHADOW_ROW_SIZE;
const SHARED_READ_ONLY = 2 * SHADOW_ROW_SIZE;

/** The memory as it is now, and how it gives and takes rows. */
export interface ShadowHost {
  readonly words: Int32Array;
  readonly u8: Uint8Array;
  take(): number;
  giveBack(row: number): void;
}

/** What programs may do with a piece of memory; "frames": nothing until a call opens it. */
export type Access = "writable" | "read-only" | "frames" | "closed";

/** Fills the rows that are shared; once for each memory. */
export function prepareShadow(u8: Uint8Array): void {
  u8.fill(SHADOW_WHOLE, SHADOW_ROWS + SHARED_WRITABLE, SHADOW_ROWS + SHARED_READ_ONLY);
  u8.fill(SHADOW_WHOLE | SHADOW_READ_ONLY, SHADOW_ROWS + SHARED_READ_ONLY, SHADOW_ROWS + 3 * SHADOW_ROW_SIZE);
}

/** Notes what programs may do with [start, end), which is a segment or frames of a stack; `start` is a multiple of 8. */
export function shade(host: ShadowHost, start: number, end: number, access: Access): void {
  for (let from = start; from < end;) {
    const page = from - (from % PAGE);
    const to = Math.min(end, page + PAGE);
    const entry = (SHADOW_TABLE + (page / PAGE) * 4) >> 2;
    const whole = from === page && end >= page + PAGE + 8;
    const shared = host.words[entry] <= SHARED_READ_ONLY;
    if (shared && whole && access !== "frames") {
      host.words[entry] = access === "writable" ? SHARED_WRITABLE : access === "read-only" ? SHARED_READ_ONLY : 0;
    } else {
      if (shared) ownRow(host, entry);
      const row = SHADOW_ROWS + host.words[entry];
      shadeRow(host.u8, row - page / 8, from, to, end, access);
      if (access === "closed" && isEmpty(host.words, row)) {
        host.words[entry] = 0;
        host.giveBack(row);
      }
    }
    from = to;
  }
}

function ownRow(host: ShadowHost, entry: number): void {
  const row = host.take();
  const { u8, words } = host;
  const before = SHADOW_ROWS + words[entry];
  u8.copyWithin(row, before, before + SHADOW_ROW_SIZE);
  words[entry] = row - SHADOW_ROWS;
}

/** `base` + address / 8 is the byte of an address. */
function shadeRow(u8: Uint8Array, base: number, from: number, to: number, end: number, access: Access): void {
  const [first, last] = [base + from / 8, base + Math.ceil(to / 8)];
  if (access === "closed" || access === "frames") u8.fill(access === "closed" ? 0 : SHADOW_CLOSED, first, last);
  else {
    const flag = access === "writable" ? 0 : SHADOW_READ_ONLY;
    u8.fill(SHADOW_WHOLE | flag, first, last);
    for (let at = Math.max(first, last - 2); at < last; at++) {
      u8[at] = Math.min(SHADOW_WHOLE, end - (at - base) * 8) | flag;
    }
  }
}

function isEmpty(words: Int32Array, row: number): boolean {
  return words.subarray(row >> 2, (row + SHADOW_ROW_SIZE) >> 2).every((word) => word === 0);
}
