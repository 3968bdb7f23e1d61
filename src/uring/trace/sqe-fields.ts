// The fields of an SQE as a `submit` event has them. Every one names what the request may use it for (a union of
// io_uring.h by its first name); those that are seldom used are left out when they are 0.

import { opName } from "../abi/index.ts";
import { decimal64 } from "./decimal64.ts";

/** What a `submit` event tells of its SQE. */
export interface SqeFields {
  /** Name of the opcode; `opcode N` for one that does not exist. */
  readonly op: string;
  readonly user_data: string;
  readonly flags: number;
  readonly fd: number;
  readonly off: string;
  readonly addr: string;
  readonly len: number;
  readonly ioprio?: number;
  readonly op_flags?: number;
  readonly buf_index?: number;
  readonly personality?: number;
  readonly file_index?: number;
  readonly addr3?: string;
}

/** The SQE at byte `at` (a multiple of 8) of the memory that `words` is a view of. */
export function sqeFields(words: Int32Array | Uint32Array, at: number): SqeFields {
  const word = (i: number): number => words[(at >>> 2) + i] >>> 0;
  const u64 = (i: number): string => decimal64(word(i), word(i + 1));
  const first = word(0);
  const seldom = {
    ioprio: first >>> 16,
    op_flags: word(7),
    buf_index: word(10) & 0xffff,
    personality: word(10) >>> 16,
    file_index: word(11),
  };
  const set = Object.entries(seldom).filter(([, value]) => value !== 0);
  const addr3 = u64(12);
  return {
    op: opName(first & 0xff),
    user_data: u64(8),
    flags: (first >>> 8) & 0xff,
    fd: word(1) | 0,
    off: u64(2),
    addr: u64(4),
    len: word(6),
    ...Object.fromEntries(set),
    ...(addr3 === "0" ? {} : { addr3 }),
  };
}
