/* SPDX-License-Identifier: MIT */
/*
 * Loops with a mistake each, which only some schedules show; with careful = 1, the same loops without it.
 *   kind 0  copies a file, and takes a short write for a whole one
 *   kind 1  copies a file, and waits for two completions of one request once it had to try again
 *   kind 2  copies a file by linked reads and writes, and overlooks that a write was cancelled
 *   kind 3  fills the CQ over its brim with NOPs, and takes what is in it for all there is
 */
#include "loopstep.bpf.h"
char LICENSE[] SEC("license") = "Dual MIT/GPL";

#define EINTR 4
#define IO_LINK 4
#define NOPS 64
#define BATCH 8
enum { NOTHING, READ, WRITE, CHAIN };

__s32 in_fd;
__s32 out_fd;
__u64 buffer;
__u32 buffer_size = 4096;
/* of the file; kind 2 has to know */
__u64 size;
__u32 kind;
__u32 careful;
__s32 result;
__u32 seen;

static __u64 off;
static __u32 have, written, done, sent, next;
static __u8 begun, again, retried, stop;

static void prepare(struct io_uring_sqe *sqe, __u32 op, __u64 addr, __u64 at, __u32 len)
{
	__builtin_memset(sqe, 0, sizeof(*sqe));
	sqe->opcode = op == READ ? IORING_OP_READ : IORING_OP_WRITE;
	sqe->fd = op == READ ? in_fd : out_fd;
	sqe->addr = addr;
	sqe->off = at;
	sqe->len = len;
	sqe->user_data = op;
}

static __u32 chunk(void)
{
	__u64 left = size - off;

	return left < buffer_size ? left : buffer_size;
}

static void copied(__u64 op, __s32 res)
{
	if (res == -EINTR) {
		retried = 1;
		next = op;
	} else if (res <= 0) {
		result = res;
		stop = 1;
	} else if (op == READ) {
		have = res;
		written = 0;
		next = WRITE;
	} else {
		written += res;
		next = WRITE;
		if (written < have && (careful || kind))
			return;
		off += have;
		next = READ;
	}
}

static void chained(__u64 op, __s32 res)
{
	if ((careful || op == READ) && res != (__s32)chunk())
		again = 1;
	if (++done < 2)
		return;
	if (!again)
		off += chunk();
	done = again = 0;
	next = CHAIN;
	stop = off >= size;
}

LOOP_STEP(mistakes)
{
	__u8 *rings = bpf_io_uring_get_region(ring, IOU_REGION_CQ, cqes_offset + cq_entries * sizeof(struct io_uring_cqe));
	struct io_uring_sqe *sqes = (void *)bpf_io_uring_get_region(ring, IOU_REGION_SQ, sq_entries * sizeof(struct io_uring_sqe));
	struct io_uring_cqe *cqes;
	__u32 *head, *tail, wait = 1, nr = 1;
	int i;

	if (!rings || !sqes || sq_entries < BATCH)
		return IOU_LOOP_STOP;
	head = (__u32 *)(rings + cq_head_offset);
	tail = (__u32 *)(rings + cq_tail_offset);
	cqes = (struct io_uring_cqe *)(rings + cqes_offset);
	if (kind == 3 && sent < NOPS) {
		bpf_for(i, 0, BATCH) {
			__builtin_memset(&sqes[i & (BATCH - 1)], 0, sizeof(*sqes));
		}
		sent += BATCH;
		if (bpf_io_uring_submit_sqes(ring, BATCH) != BATCH)
			return IOU_LOOP_STOP;
		return IOU_LOOP_CONTINUE;
	}
	if (!begun)
		next = kind == 2 ? CHAIN : READ;
	begun = 1;
	bpf_for(i, 0, 8) {
		struct io_uring_cqe *cqe;

		if (*head == *tail)
			break;
		cqe = &cqes[*head & (cq_entries - 1)];
		if (kind == 3)
			seen++;
		else if (kind == 2)
			chained(cqe->user_data, cqe->res);
		else
			copied(cqe->user_data, cqe->res);
		*head += 1;
	}
	if (kind == 3) {
		params->cq_wait_idx = *head + 1;
		return seen == NOPS || (!careful && seen) ? IOU_LOOP_STOP : IOU_LOOP_CONTINUE;
	}
	if (stop)
		return IOU_LOOP_STOP;
	if (next == READ)
		prepare(sqes, READ, buffer, off, buffer_size);
	else if (next == WRITE)
		prepare(sqes, WRITE, buffer + written, off + written, have - written);
	if (next == CHAIN) {
		prepare(sqes, READ, buffer, off, chunk());
		sqes[0].flags = IO_LINK;
		prepare(sqes + 1, WRITE, buffer, off, chunk());
		nr = 2;
	}
	if (next && bpf_io_uring_submit_sqes(ring, nr) != (int)nr)
		return IOU_LOOP_STOP;
	next = NOTHING;
	if (kind == 2)
		wait = 2 - done;
	if (kind == 1 && retried && !careful)
		wait = 2;
	params->cq_wait_idx = *head + wait;
	return IOU_LOOP_CONTINUE;
}
LOOP_OPS(mistakes);
