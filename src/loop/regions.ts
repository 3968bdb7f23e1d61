// bpf_io_uring_get_region: which memory a program sees (io_uring/bpf-ops.c at v7.2). Sizes count in whole pages, so the
// rest of a region's last page is accessible too.

import { alignUp } from "../base/index.ts";
import { IOU_REGION } from "../uring/abi/index.ts";

const PAGE_SIZE = 4096;

/** A piece of the VM's memory. */
export interface Region {
  readonly address: number;
  /** Bytes; the limit is this rounded up to pages. */
  readonly size: number;
}

/** The regions of one ring; `mem` is there once registered. */
export interface Regions {
  readonly mem: Region | undefined;
  readonly cq: Region;
  readonly sq: Region;
}

/** The address of region `id`, or 0 (NULL) when it is unknown, not registered, or smaller than `size`. */
export function getRegion(regions: Regions, id: number, size: number): number {
  const region = byId(regions, id >>> 0);
  if (!region) return 0;
  return size >>> 0 <= alignUp(region.size, PAGE_SIZE) ? region.address : 0;
}

function byId({ mem, cq, sq }: Regions, id: number): Region | undefined {
  switch (id) {
    case IOU_REGION.IOU_REGION_MEM:
      return mem;
    case IOU_REGION.IOU_REGION_CQ:
      return cq;
    case IOU_REGION.IOU_REGION_SQ:
      return sq;
    default:
      return undefined;
  }
}
