// The two kfuncs of a loop_step program as a VM calls them (io_uring/bpf-ops.c at v7.2). Everything crosses as i32, which is
// what makes the calls cheap.

import { EFAULT } from "../../base/index.ts";
import type { Callee } from "../../bpf/vm/index.ts";
import { getRegion, regionTable, type Regions } from "./regions.ts";

/** What the kfuncs work on. */
export interface KfuncHost {
  /** The value that stands for this ring's struct iou_ctx. Linux would take any pointer here; this does not. */
  readonly iouCtx: number;
  readonly regions: Regions;
  /** Takes up to `nr` SQEs: their number, or a negative errno. */
  submit(nr: number): number;
}

/** The ctx argument is `struct iou_ctx *`: a fake one gets NULL and -EFAULT. */
export function loopKfuncs({ iouCtx, regions, submit }: KfuncHost): Record<string, Callee> {
  return {
    bpf_io_uring_get_region: {
      name: "bpf_io_uring_get_region",
      params: ["i32", "i32", "i32"],
      result: "i32",
      call: (ctx: number, id: number, size: number) => (ctx === iouCtx ? getRegion(regions, id, size) : 0),
      table: regionTable(regions).map(({ id, limit, address }) => ({
        first: iouCtx,
        second: id,
        atMost: limit,
        value: address,
      })),
    },
    bpf_io_uring_submit_sqes: {
      name: "bpf_io_uring_submit_sqes",
      params: ["i32", "i32"],
      result: "i32",
      signed: true,
      call: (ctx: number, nr: number) => (ctx === iouCtx ? submit(nr) : -EFAULT),
    },
  };
}

const nowhere = { address: 0, size: 0 };

/** The kfuncs' signatures alone, for compiling without a ring. */
export const KFUNC_SIGNATURES: Readonly<Record<string, Callee>> = Object.fromEntries(
  Object.entries(loopKfuncs({ iouCtx: 0, regions: { mem: undefined, cq: nowhere, sq: nowhere }, submit: () => 0 })).map(
    ([name, callee]) => [name, { ...callee, table: undefined }],
  ),
);
