/* SPDX-License-Identifier: MIT */
/* The older style: .struct_ops without link, no SQ_REWIND, results in an array map, one NOP at a time, the program advances the SQ tail. */
#include "loopstep.bpf.h"
char LICENSE[] SEC("license") = "GPL";
const volatile __u32 sq_hdr_offset;
const volatile __u32 cq_hdr_offset;
struct queue {
	__u32 head, tail;
};
struct {
	int (*type)[2]; /* BPF_MAP_TYPE_ARRAY */
	int (*max_entries)[3];
	__u32 *key;
	__s64 *value;
} results SEC(".maps");
static void *(*bpf_map_lookup_elem)(void *map, const void *key) = (void *)1;

/* results: 0 the outcome, 1 completions seen, 2 requests submitted */
static __s64 *slot(__u32 index)
{
	return bpf_map_lookup_elem(&results, &index);
}

LOOP_STEP(one)
{
	__u8 *rings = bpf_io_uring_get_region(ring, IOU_REGION_CQ, cqes_offset + cq_entries * sizeof(struct io_uring_cqe));
	struct io_uring_sqe *sqes = (void *)bpf_io_uring_get_region(ring, IOU_REGION_SQ, sq_entries * sizeof(struct io_uring_sqe));
	__s64 *outcome = slot(0), *seen = slot(1), *sent = slot(2);
	struct io_uring_sqe *sqe;
	struct queue *sq, *cq;

	if (!rings || !sqes || !outcome || !seen || !sent)
		return IOU_LOOP_STOP;
	sq = (struct queue *)(rings + sq_hdr_offset);
	cq = (struct queue *)(rings + cq_hdr_offset);
	if (cq->tail != cq->head) {
		struct io_uring_cqe *cqes = (struct io_uring_cqe *)(rings + cqes_offset);

		if (cqes[cq->head & (cq_entries - 1)].user_data != (__u64)(10 - *seen)) {
			*outcome = -1;
			return IOU_LOOP_STOP;
		}
		cq->head++;
		++*seen;
	}
	if (*seen == 10) {
		*outcome = 1;
		return IOU_LOOP_STOP;
	}
	sqe = &sqes[sq->tail & (sq_entries - 1)];
	__builtin_memset(sqe, 0, sizeof(*sqe));
	sqe->user_data = 10 - *sent;
	sq->tail++;
	if (bpf_io_uring_submit_sqes(ring, 1) != 1) {
		*outcome = -2;
		return IOU_LOOP_STOP;
	}
	++*sent;
	params->cq_wait_idx = cq->head + 1;
	return IOU_LOOP_CONTINUE;
}
SEC(".struct_ops") struct io_uring_bpf_ops one_ops = { .loop_step = (void *)one };
