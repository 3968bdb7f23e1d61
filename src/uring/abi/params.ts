// struct io_uring_params with its two offset tables (include/uapi/linux/io_uring.h at v7.2), as a layout and as plain data.
// `sq_off.user_addr` and `cq_off.user_addr` carry the application's memory with IORING_SETUP_NO_MMAP.

import { getField, layout, setField, viewOf, type Layout } from "../../base/index.ts";

const FIELDS = {
  sq_entries: [0, "u32"],
  cq_entries: [4, "u32"],
  flags: [8, "u32"],
  sq_thread_cpu: [12, "u32"],
  sq_thread_idle: [16, "u32"],
  features: [20, "u32"],
  wq_fd: [24, "u32"],
  "sq_off.head": [40, "u32"],
  "sq_off.tail": [44, "u32"],
  "sq_off.ring_mask": [48, "u32"],
  "sq_off.ring_entries": [52, "u32"],
  "sq_off.flags": [56, "u32"],
  "sq_off.dropped": [60, "u32"],
  "sq_off.array": [64, "u32"],
  "sq_off.user_addr": [72, "u64"],
  "cq_off.head": [80, "u32"],
  "cq_off.tail": [84, "u32"],
  "cq_off.ring_mask": [88, "u32"],
  "cq_off.ring_entries": [92, "u32"],
  "cq_off.overflow": [96, "u32"],
  "cq_off.cqes": [100, "u32"],
  "cq_off.flags": [104, "u32"],
  "cq_off.user_addr": [112, "u64"],
} as const;

/** A member of struct io_uring_params, offset tables included. */
export type ParamsField = keyof typeof FIELDS;

/** The 120 bytes io_uring_setup(2) reads and writes. */
export const io_uring_params: Layout<ParamsField> = layout("io_uring_params", 120, FIELDS);

/** struct io_sqring_offsets: byte offsets into the rings area. */
export interface SqOffsets {
  readonly head: number;
  readonly tail: number;
  readonly ring_mask: number;
  readonly ring_entries: number;
  readonly flags: number;
  readonly dropped: number;
  /** Offset of the index array; 0 with IORING_SETUP_NO_SQARRAY. */
  readonly array: number;
}

/** struct io_cqring_offsets: byte offsets into the rings area. */
export interface CqOffsets {
  readonly head: number;
  readonly tail: number;
  readonly ring_mask: number;
  readonly ring_entries: number;
  readonly overflow: number;
  readonly cqes: number;
  readonly flags: number;
}

/** struct io_uring_params as plain data; can cross a thread boundary. */
export interface RingParams {
  readonly sq_entries: number;
  readonly cq_entries: number;
  readonly flags: number;
  readonly features: number;
  readonly sq_off: SqOffsets;
  readonly cq_off: CqOffsets;
}

/** What a caller may ask of io_uring_setup(2) besides the number of entries. */
export interface SetupRequest {
  /** SQ entries, 1..32768; rounded up to a power of two. */
  readonly entries: number;
  /** Any of IORING_SETUP. */
  readonly flags: number;
  /** CQ entries; read with IORING_SETUP_CQSIZE only. */
  readonly cq_entries?: number;
  /** CPU of the poll thread, with SQ_AFF. */
  readonly sq_thread_cpu?: number;
  /** Milliseconds the poll thread spins before it sleeps, with SQPOLL. */
  readonly sq_thread_idle?: number;
  /** Ring whose worker pool to share, with ATTACH_WQ. */
  readonly wq_fd?: number;
}

/** The 120 bytes of a request, all else zero. */
export function encodeParams(request: SetupRequest, into: Uint8Array): void {
  const view = viewOf(into);
  into.fill(0, 0, io_uring_params.size);
  setField(io_uring_params, view, 0, "flags", request.flags);
  setField(io_uring_params, view, 0, "cq_entries", request.cq_entries ?? 0);
  setField(io_uring_params, view, 0, "sq_thread_cpu", request.sq_thread_cpu ?? 0);
  setField(io_uring_params, view, 0, "sq_thread_idle", request.sq_thread_idle ?? 0);
  setField(io_uring_params, view, 0, "wq_fd", request.wq_fd ?? 0);
}

/** The plain data of 120 bytes the kernel has filled in. */
export function decodeParams(bytes: Uint8Array): RingParams {
  const view = viewOf(bytes);
  const u32 = (name: ParamsField): number => Number(getField(io_uring_params, view, 0, name));
  return {
    sq_entries: u32("sq_entries"),
    cq_entries: u32("cq_entries"),
    flags: u32("flags"),
    features: u32("features"),
    sq_off: {
      head: u32("sq_off.head"),
      tail: u32("sq_off.tail"),
      ring_mask: u32("sq_off.ring_mask"),
      ring_entries: u32("sq_off.ring_entries"),
      flags: u32("sq_off.flags"),
      dropped: u32("sq_off.dropped"),
      array: u32("sq_off.array"),
    },
    cq_off: {
      head: u32("cq_off.head"),
      tail: u32("cq_off.tail"),
      ring_mask: u32("cq_off.ring_mask"),
      ring_entries: u32("cq_off.ring_entries"),
      overflow: u32("cq_off.overflow"),
      cqes: u32("cq_off.cqes"),
      flags: u32("cq_off.flags"),
    },
  };
}
