/* SPDX-License-Identifier: MIT */
/* Fills the CQ `rounds` times over without consuming, then consumes everything; records the tail and sq flags of each step. */
#include "loopstep.bpf.h"
char LICENSE[] SEC("license") = "Dual MIT/GPL";
__u32 rounds = 4;
__u32 tails[16];
__u32 flags[16];
__u64 consumed;
__u32 steps;
const volatile __u32 sq_flags_offset;
LOOP_STEP(overflow)
{
	__u8 *rings = bpf_io_uring_get_region(ring, IOU_REGION_CQ, cqes_offset);
	struct io_uring_sqe *sqes = (void *)bpf_io_uring_get_region(ring, IOU_REGION_SQ, sq_entries * sizeof(struct io_uring_sqe));
	volatile __u32 *head, *tail, *sq_flags;
	int i;

	if (!rings || !sqes)
		return IOU_LOOP_STOP;
	head = (__u32 *)(rings + cq_head_offset);
	tail = (__u32 *)(rings + cq_tail_offset);
	sq_flags = (__u32 *)(rings + sq_flags_offset);
	tails[steps & 15] = *tail;
	flags[steps & 15] = *sq_flags;
	if (steps++ < rounds) {
		bpf_for(i, 0, sq_entries)
			__builtin_memset(&sqes[i & (sq_entries - 1)], 0, sizeof(*sqes));
		bpf_io_uring_submit_sqes(ring, sq_entries);
		return IOU_LOOP_CONTINUE;
	}
	if (*tail == *head)
		return IOU_LOOP_STOP;
	consumed += *tail - *head;
	*head = *tail;
	return steps > 15 ? IOU_LOOP_STOP : IOU_LOOP_CONTINUE;
}
LOOP_OPS(overflow);
