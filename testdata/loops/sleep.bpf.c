/* SPDX-License-Identifier: MIT */
/* Waits for a completion that never comes. */
#include "loopstep.bpf.h"
char LICENSE[] SEC("license") = "Dual MIT/GPL";
__u64 steps;
LOOP_STEP(sleep)
{
	__u8 *rings = bpf_io_uring_get_region(ring, IOU_REGION_CQ, cqes_offset);

	if (!rings)
		return IOU_LOOP_STOP;
	steps++;
	params->cq_wait_idx = *(__u32 *)(rings + cq_tail_offset) + 1;
	return IOU_LOOP_CONTINUE;
}
LOOP_OPS(sleep);
