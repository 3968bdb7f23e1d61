// The sizes of a ring's two areas (rings_size() in io_uring/io_uring.c at v7.2), for 64-byte cache lines.

import { alignUp } from "../../base/index.ts";
import { IORING_SETUP } from "./constants.ts";

/** Byte offset of the first CQE: both headers fit the first cache line. */
export const CQES_OFFSET = 64;

const CACHE_LINE = 64;

/** Offsets and sizes in bytes; the sizes in whole pages. */
export interface RingAreas {
  /** Where the SQ array starts, 0 on rings without one. */
  readonly arrayOffset: number;
  readonly ringsSize: number;
  readonly sqesSize: number;
}

/** The areas of a ring of so many entries (powers of two). */
export function ringAreas(sq_entries: number, cq_entries: number, flags: number, pageSize: number): RingAreas {
  // CQE32 doubles header and CQEs alike: half of what the header takes then lies unused before the array
  const small = CQES_OFFSET + cq_entries * 16;
  const arrayOffset = alignUp(flags & IORING_SETUP.IORING_SETUP_CQE32 ? 2 * small : small, CACHE_LINE);
  const hasArray = !(flags & IORING_SETUP.IORING_SETUP_NO_SQARRAY);
  const sqeSize = flags & IORING_SETUP.IORING_SETUP_SQE128 ? 128 : 64;
  return {
    arrayOffset: hasArray ? arrayOffset : 0,
    ringsSize: alignUp(hasArray ? arrayOffset + sq_entries * 4 : arrayOffset, pageSize),
    sqesSize: alignUp(sq_entries * sqeSize, pageSize),
  };
}
