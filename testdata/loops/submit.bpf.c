/* SPDX-License-Identifier: MIT */
/* Submits rounds[i] requests in step i, after writing all sqe_entries SQEs with opcodes[slot]; records what submit_sqes returned and the CQ tail right after. */
#include "loopstep.bpf.h"
char LICENSE[] SEC("license") = "Dual MIT/GPL";
__u8 opcodes[8];
__s32 rounds[4];
__s32 returned[4];
__u32 tails[4];
__u32 advance_tail;
const volatile __u32 sq_tail_offset;
__u32 steps;
LOOP_STEP(submit)
{
	__u8 *rings = bpf_io_uring_get_region(ring, IOU_REGION_CQ, cqes_offset);
	struct io_uring_sqe *sqes = (void *)bpf_io_uring_get_region(ring, IOU_REGION_SQ, sq_entries * sizeof(struct io_uring_sqe));
	__u32 n;
	int i;

	if (!rings || !sqes || steps >= 4 || !rounds[steps & 3])
		return IOU_LOOP_STOP;
	n = steps++ & 3;
	bpf_for(i, 0, 8) {
		struct io_uring_sqe *sqe = &sqes[i & 7 & (sq_entries - 1)];

		__builtin_memset(sqe, 0, sizeof(*sqe));
		sqe->opcode = opcodes[i & 7];
		sqe->user_data = i;
	}
	*(volatile __u32 *)(rings + sq_tail_offset) += advance_tail;
	returned[n] = bpf_io_uring_submit_sqes(ring, rounds[n]);
	tails[n] = *(volatile __u32 *)(rings + cq_tail_offset);
	return IOU_LOOP_CONTINUE;
}
LOOP_OPS(submit);
