/* SPDX-License-Identifier: MIT */
/* Puts one TIMEOUT of the timespec at ts_addr in flight and waits for wait_for completions; records the steps and the CQE. */
#include "loopstep.bpf.h"
char LICENSE[] SEC("license") = "Dual MIT/GPL";
__u64 ts_addr;
__u32 wait_for = 2;
__s32 res;
__u32 steps;
LOOP_STEP(timeout)
{
	__u8 *rings = bpf_io_uring_get_region(ring, IOU_REGION_CQ, cqes_offset + cq_entries * sizeof(struct io_uring_cqe));
	struct io_uring_sqe *sqes = (void *)bpf_io_uring_get_region(ring, IOU_REGION_SQ, sq_entries * sizeof(struct io_uring_sqe));
	__u32 *head, *tail;

	if (!rings || !sqes)
		return IOU_LOOP_STOP;
	head = (__u32 *)(rings + cq_head_offset);
	tail = (__u32 *)(rings + cq_tail_offset);
	steps++;
	if (*tail != *head) {
		struct io_uring_cqe *cqes = (struct io_uring_cqe *)(rings + cqes_offset);

		res = cqes[*head & (cq_entries - 1)].res;
		*head += 1;
		return IOU_LOOP_STOP;
	}
	if (steps == 1) {
		__builtin_memset(sqes, 0, sizeof(*sqes));
		sqes->opcode = 11; /* IORING_OP_TIMEOUT */
		sqes->addr = ts_addr;
		sqes->len = 1;
		if (bpf_io_uring_submit_sqes(ring, 1) != 1)
			return IOU_LOOP_STOP;
	}
	params->cq_wait_idx = *tail + wait_for;
	return steps > 100 ? IOU_LOOP_STOP : IOU_LOOP_CONTINUE;
}
LOOP_OPS(timeout);
