/* SPDX-License-Identifier: MIT */
/*
 * nops: runs reqs_to_run NOP requests, keeping queue_depth of them in flight.
 * The smallest loop that does everything a loop does: fill, submit, reap, wait.
 */
#include "loopstep.bpf.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

#define EAGAIN 11
#define EINVAL 22

/* NOPs kept in flight, not 0; at most sq_entries count. */
const volatile __u32 queue_depth = 8;

/* Requests still to complete; 0 after a full run. */
__u64 reqs_to_run;
/* Requests completed. */
__u64 reqs_done;
/* Steps taken. */
__u64 steps;
/* 0, or the lowest of the CQE results below 0 and of the submission errors. */
__s32 result;

static __u32 inflight;

/* The lowest result so far. Not a branch: the next request is not to wait for what this one gave. */
static __attribute__((always_inline)) __s32 reap(struct io_uring_cqe *cqe, __s32 lowest)
{
	__s32 res = cqe->res;

	return res < lowest ? res : lowest;
}

static __attribute__((always_inline)) void prepare(struct io_uring_sqe *sqe, __u64 user_data)
{
	__builtin_memset(sqe, 0, sizeof(*sqe));
	sqe->opcode = IORING_OP_NOP;
	sqe->user_data = user_data;
}

LOOP_STEP(nops)
{
	__u8 *rings = bpf_io_uring_get_region(ring, IOU_REGION_CQ, cqes_offset + cq_entries * sizeof(struct io_uring_cqe));
	struct io_uring_sqe *sqes = (void *)bpf_io_uring_get_region(ring, IOU_REGION_SQ, sq_entries * sizeof(struct io_uring_sqe));
	__u32 *cq_head, head, ready, room, entries;
	struct io_uring_cqe *cqes;
	int n, submitted;
	__s32 lowest;
	__u64 left;

	if (!rings || !sqes)
		return IOU_LOOP_STOP;
	cq_head = (__u32 *)(rings + cq_head_offset);
	cqes = (struct io_uring_cqe *)(rings + cqes_offset);
	steps++;

	head = *cq_head;
	ready = *(__u32 *)(rings + cq_tail_offset) - head;
	entries = cq_entries;
	if (ready > entries)
		ready = entries;
	/* an iterator costs more than a request does, so the first one comes before it */
	lowest = result;
	if (ready)
		lowest = reap(&cqes[head & (entries - 1)], lowest);
	if (ready > 1)
		bpf_for(n, 1, ready)
			lowest = reap(&cqes[(head + n) & (entries - 1)], lowest);
	result = lowest;
	head += ready;
	*cq_head = head;
	inflight -= ready;
	reqs_done += ready;
	left = reqs_to_run - ready;
	reqs_to_run = left;

	if (!queue_depth)
		result = -EINVAL;
	if (result || !left)
		return IOU_LOOP_STOP;

	room = queue_depth;
	entries = sq_entries;
	if (room > entries)
		room = entries;
	room = inflight < room ? room - inflight : 0;
	if (room > left - inflight)
		room = left - inflight;
	if (room) {
		prepare(&sqes[0], 0);
		if (room > 1)
			bpf_for(n, 1, room)
				prepare(&sqes[n & (entries - 1)], (__u32)n);
		submitted = bpf_io_uring_submit_sqes(ring, room);
		if (submitted <= 0) {
			result = submitted ? submitted : -EAGAIN;
			return IOU_LOOP_STOP;
		}
		inflight += submitted;
	}
	params->cq_wait_idx = head + inflight;
	return IOU_LOOP_CONTINUE;
}

LOOP_OPS(nops);
