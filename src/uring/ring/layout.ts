// How Linux lays out the memory of a ring (io_uring/io_uring.c, rings_size() and io_uring_fill_params() at v7.2, x86-64 and
// arm64 with 64-byte cache lines): a rings area with both headers, the CQEs and perhaps the SQ array, and an SQE area.
//
//   0 sq.head  4 sq.tail  8 cq.head  12 cq.tail  16 sq mask  20 cq mask  24 sq entries  28 cq entries
//   32 sq dropped  36 sq flags  40 cq flags  44 cq overflow  64 CQEs ... (64-aligned) SQ array

import {
  CQES_OFFSET,
  IORING_FEAT,
  IORING_SETUP,
  ringAreas,
  roundEntries,
  type CqOffsets,
  type RingParams,
  type SetupRequest,
  type SqOffsets,
} from "../abi/index.ts";

const SQ_OFF: SqOffsets = { head: 0, tail: 4, ring_mask: 16, ring_entries: 24, flags: 36, dropped: 32, array: 0 };
const CQ_OFF: CqOffsets = {
  head: 8,
  tail: 12,
  ring_mask: 20,
  ring_entries: 28,
  overflow: 44,
  cqes: CQES_OFFSET,
  flags: 40,
};

/** Every feature bit of Linux 7.2. */
const FEATURES_7_2: number = Object.values(IORING_FEAT).reduce((all, bit) => all | bit, 0);

/** The geometry of a ring. Sizes in bytes. */
export interface RingsLayout {
  /** What the kernel reports back for the request. */
  readonly params: RingParams;
  readonly sqeSize: 64 | 128;
  /** 32 with CQE32; with CQE_MIXED the unit is 16. */
  readonly cqeSize: 16 | 32;
  /** The rings area in whole pages: the size of IOU_REGION_CQ. */
  readonly ringsSize: number;
  /** The SQE area in whole pages: the size of IOU_REGION_SQ. */
  readonly sqesSize: number;
  /** What to set aside for the rings area: `ringsSize`, or more where an SQ array may have to be emulated away. */
  readonly ringsReserve: number;
}

/** The layout of the ring a valid request makes (see checkSetup). `features` defaults to those of Linux 7.2. */
export function ringsLayout(request: SetupRequest, pageSize = 4096, features: number = FEATURES_7_2): RingsLayout {
  const { flags } = request;
  const [sq_entries, cq_entries] = roundEntries(request);
  const { arrayOffset, ringsSize, sqesSize } = ringAreas(sq_entries, cq_entries, flags, pageSize);
  const withArray = ringAreas(sq_entries, cq_entries, flags & ~IORING_SETUP.IORING_SETUP_NO_SQARRAY, pageSize);
  return {
    params: { sq_entries, cq_entries, flags, features, sq_off: { ...SQ_OFF, array: arrayOffset }, cq_off: CQ_OFF },
    sqeSize: flags & IORING_SETUP.IORING_SETUP_SQE128 ? 128 : 64,
    cqeSize: flags & IORING_SETUP.IORING_SETUP_CQE32 ? 32 : 16,
    ringsSize,
    sqesSize,
    ringsReserve: withArray.ringsSize,
  };
}
