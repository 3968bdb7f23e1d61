/* SPDX-License-Identifier: MIT */
/* Says that it runs, then never ends: 0 spins, 1 sleeps, 2 stays in its first step (no verifier accepts that). */
#include "loopstep.bpf.h"
char LICENSE[] SEC("license") = "Dual MIT/GPL";
static long (*bpf_trace_printk)(const char *fmt, __u32 fmt_size, ...) = (void *)6;
__u32 how;
__u64 steps;
LOOP_STEP(endless)
{
	char running[] = "running";
	__u8 *rings = bpf_io_uring_get_region(ring, IOU_REGION_CQ, cqes_offset);

	if (!rings)
		return IOU_LOOP_STOP;
	if (!steps++)
		bpf_trace_printk(running, sizeof(running));
	while (how == 2)
		(*(volatile __u64 *)&steps)++;
	if (how == 1)
		params->cq_wait_idx = *(__u32 *)(rings + cq_tail_offset) + 1;
	return IOU_LOOP_CONTINUE;
}
LOOP_OPS(endless);
