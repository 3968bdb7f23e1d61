/* SPDX-License-Identifier: MIT */
/* Calls a kfunc no system has. */
#include "loopstep.bpf.h"
char LICENSE[] SEC("license") = "Dual MIT/GPL";
extern int bpf_io_uring_submit_sqe(struct iou_ctx *ctx, __u32 nr) __ksym;
LOOP_STEP(unknown)
{
	bpf_io_uring_submit_sqe(ring, 1);
	return IOU_LOOP_STOP;
}
LOOP_OPS(unknown);
