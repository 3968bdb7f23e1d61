/* SPDX-License-Identifier: MIT */
/*
 * Plays rounds of requests: in round i it copies the next submit[i] SQEs from IOU_REGION_MEM to the ring, submits them and
 * steps on until there are `until[i]` completions in all. Records what each step found and each submission returned.
 */
#include "loopstep.bpf.h"
char LICENSE[] SEC("license") = "Dual MIT/GPL";
#define ROUNDS 8
#define STEPS 64
#define MOST_SQES 64
__u32 rounds;
__u32 submit[ROUNDS];
__u32 until[ROUNDS];
/* How many completions more than those it waits for the loop asks for: a hint that must not make it sleep for ever. */
__u32 more;

__s32 submitted[ROUNDS];
/* What a step found: the CQ tail, and the cq_wait_idx left by the one before. */
__u32 tails[STEPS];
__u32 waited[STEPS];
__u32 steps;
__u32 played;
__u32 next;

LOOP_STEP(play)
{
	__u8 *rings = bpf_io_uring_get_region(ring, IOU_REGION_CQ, cqes_offset);
	struct io_uring_sqe *sqes = (void *)bpf_io_uring_get_region(ring, IOU_REGION_SQ, 8 * sizeof(struct io_uring_sqe));
	struct io_uring_sqe *script = (void *)bpf_io_uring_get_region(ring, IOU_REGION_MEM, MOST_SQES * sizeof(struct io_uring_sqe));
	__u32 tail, count, wanted;
	int i;

	if (!rings || !sqes || !script || steps >= STEPS)
		return IOU_LOOP_STOP;
	tail = *(volatile __u32 *)(rings + cq_tail_offset);
	tails[steps & (STEPS - 1)] = tail;
	waited[steps & (STEPS - 1)] = params->cq_wait_idx;
	steps++;
	wanted = played > 0 ? until[(played - 1) & (ROUNDS - 1)] : 0;
	if (tail >= wanted) {
		if (played >= rounds || played >= ROUNDS)
			return IOU_LOOP_STOP;
		count = submit[played & (ROUNDS - 1)];
		bpf_for(i, 0, count) {
			__builtin_memcpy(&sqes[i & 7], &script[(next + i) & (MOST_SQES - 1)], sizeof(*sqes));
		}
		submitted[played & (ROUNDS - 1)] = bpf_io_uring_submit_sqes(ring, count);
		next += count;
		wanted = until[played & (ROUNDS - 1)];
		played++;
	}
	params->cq_wait_idx = wanted + more;
	return IOU_LOOP_CONTINUE;
}
LOOP_OPS(play);
