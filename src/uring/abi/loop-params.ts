// The numbers of the BPF-controlled loop (io_uring/bpf-ops.h and io_uring/loop.h at v7.2). No uapi header has them:
// programs take them from BTF or define them themselves.

import { layout, type Layout } from "../../base/index.ts";

/** What loop_step returns. */
export const IOU_LOOP = { IOU_LOOP_CONTINUE: 0, IOU_LOOP_STOP: 1 } as const;

/** Ids of bpf_io_uring_get_region. */
export const IOU_REGION = { IOU_REGION_MEM: 0, IOU_REGION_CQ: 1, IOU_REGION_SQ: 2 } as const;

/** Second argument of loop_step. */
export const iou_loop_params: Layout<"cq_wait_idx"> = layout("iou_loop_params", 4, { cq_wait_idx: [0, "u32"] });
