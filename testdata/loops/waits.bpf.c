/* SPDX-License-Identifier: MIT */
/* Records the cq_wait_idx it finds in each of its first 8 steps, and asks for wait_delta more completions than there are; stops at `last`. */
#include "loopstep.bpf.h"
char LICENSE[] SEC("license") = "Dual MIT/GPL";
__u32 found[8];
__u32 wait_delta;
__u32 last = 4;
__u32 steps;
LOOP_STEP(waits)
{
	__u8 *rings = bpf_io_uring_get_region(ring, IOU_REGION_CQ, cqes_offset);

	if (!rings)
		return IOU_LOOP_STOP;
	found[steps & 7] = params->cq_wait_idx;
	if (++steps >= last)
		return IOU_LOOP_STOP;
	params->cq_wait_idx = *(__u32 *)(rings + cq_tail_offset) + wait_delta;
	return IOU_LOOP_CONTINUE;
}
LOOP_OPS(waits);
