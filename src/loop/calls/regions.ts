// bpf_io_uring_get_region: which memory a program sees (io_uring/bpf-ops.c at v7.2). Sizes count in whole pages, so the
// rest of a region's last page is accessible too.

import { alignUp } from "../../base/index.ts";
import { IOU_REGION } from "../../uring/abi/index.ts";

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

/** A region as bpf_io_uring_get_region knows it; `limit` is the greatest size it grants. */
interface RegionRow {
  readonly id: number;
  readonly limit: number;
  readonly address: number;
}

/** The regions that are there. */
export function regionTable({ mem, cq, sq }: Regions): RegionRow[] {
  const { IOU_REGION_MEM, IOU_REGION_CQ, IOU_REGION_SQ } = IOU_REGION;
  const row = (id: number, { address, size }: Region): RegionRow => ({ id, limit: alignUp(size, PAGE_SIZE), address });
  return [...(mem ? [row(IOU_REGION_MEM, mem)] : []), row(IOU_REGION_CQ, cq), row(IOU_REGION_SQ, sq)];
}

/** The address of region `id`, or 0 (NULL) when it is unknown, not registered, or smaller than `size`. */
export function getRegion(regions: Regions, id: number, size: number): number {
  const row = regionTable(regions).find((row) => row.id === id >>> 0);
  return row && size >>> 0 <= row.limit ? row.address : 0;
}
