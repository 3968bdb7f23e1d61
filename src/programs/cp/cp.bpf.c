/* SPDX-License-Identifier: MIT */
/*
 * cp: copies a file with nr_buffers reads or writes in flight, of buffer_size bytes each.
 *
 * Every buffer is a slot that owns one chunk of the file at a time and goes
 *
 *     read -> write -> (rest of the write) -> (rest of a short read) -> next chunk
 *
 * so a slot has at most one request in flight and user_data is its number. A read of 0 bytes is the end of the file.
 * After the first error nothing new is started, what is in flight is waited for, and `result` says what happened.
 *
 * Pipes, sockets and terminals have no offsets: with several requests in flight their bytes would be mixed up. So both
 * files are probed first, by a SYNC_FILE_RANGE that syncs nothing and that Linux refuses for them with ESPIPE; one slot
 * then does all the work.
 */
#include "loopstep.bpf.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

#define MAX_BUFFERS 64
#define EIO 5
#define EINTR 4
#define EAGAIN 11
#define EINVAL 22
#define ESPIPE 29
/* Retries in a row of requests that ask to be tried again: a non-blocking descriptor may ask for ever. */
#define MAX_RETRIES 1000

/* Descriptors of the two files. */
__s32 in_fd;
__s32 out_fd;
/* Process address of nr_buffers * buffer_size bytes. */
__u64 buffers;
__u32 buffer_size = 65536;
/* 1..64, and at most sq_entries and cq_entries. */
__u32 nr_buffers = 8;

/* Bytes copied so far; the file's size after a full run. */
__u64 bytes_copied;
__u64 reads;
__u64 writes;
/* 0, or the negative errno of the request that failed, with its opcode and file offset below; of a submission: opcode 0. */
__s32 result;
__u32 failed_opcode;
__u64 failed_offset;
/* Slots in use: nr_buffers, or 1 where there are no offsets. */
__u32 depth;

struct slot {
	/* file offset and length of the request in flight or to be made */
	__u64 offset;
	__u32 len;
	/* place of the request in the buffer: writes of what was read may come in several pieces */
	__u32 at;
	/* bytes of the chunk not yet read */
	__u32 left;
	__u8 opcode;
	/* a request is to be made for this slot */
	__u8 ready;
};

static struct slot slots[MAX_BUFFERS];
static __u64 next_offset;
static __u32 inflight;
/* SQEs written in this step. Not a local variable: the verifier would walk the loop once for each of its values. */
static __u32 queued;
static __u32 retries;
/* files probed: 0, 1, 2 */
static __u8 probed;
static __u8 begun, started, eof;
/* which slot the entry number i of the submission queue is for */
static __u8 queue[MAX_BUFFERS];

static __attribute__((always_inline)) void next_chunk(struct slot *slot)
{
	if (eof || result)
		return;
	slot->opcode = IORING_OP_READ;
	slot->offset = next_offset;
	slot->len = buffer_size;
	slot->left = buffer_size;
	slot->at = 0;
	slot->ready = 1;
	next_offset += buffer_size;
}

static __attribute__((always_inline)) void fail(struct slot *slot, __s32 error)
{
	if (result)
		return;
	result = error;
	failed_opcode = slot->opcode;
	failed_offset = slot->offset;
}

static __attribute__((always_inline)) void complete(struct slot *slot, __s32 res)
{
	if ((res == -EINTR || res == -EAGAIN) && retries++ < MAX_RETRIES) {
		slot->ready = 1;
		return;
	}
	if (slot->opcode == IORING_OP_SYNC_FILE_RANGE) {
		/* other errors are left to the read or write that will meet them */
		if (res == -ESPIPE)
			depth = 1;
		probed++;
		slot->ready = probed < 2;
		return;
	}
	if (res < 0) {
		fail(slot, res);
		return;
	}
	retries = 0;
	if (slot->opcode == IORING_OP_READ) {
		reads++;
		if (!res) {
			eof = 1;
			return;
		}
		slot->left -= res;
		slot->opcode = IORING_OP_WRITE;
		slot->at = 0;
		slot->len = res;
		slot->ready = 1;
		return;
	}
	writes++;
	if (!res) {
		fail(slot, -EIO);
		return;
	}
	bytes_copied += res;
	slot->offset += res;
	slot->at += res;
	slot->len -= res;
	slot->ready = 1;
	if (slot->len)
		return;
	slot->ready = 0;
	if (!slot->left) {
		next_chunk(slot);
		return;
	}
	/* the read was short: ask for the rest of the chunk; 0 will tell the end of the file */
	slot->opcode = IORING_OP_READ;
	slot->len = slot->left;
	slot->at = 0;
	slot->ready = 1;
}

LOOP_STEP(cp)
{
	__u8 *rings = bpf_io_uring_get_region(ring, IOU_REGION_CQ, cqes_offset + cq_entries * sizeof(struct io_uring_cqe));
	struct io_uring_sqe *sqes = (void *)bpf_io_uring_get_region(ring, IOU_REGION_SQ, sq_entries * sizeof(struct io_uring_sqe));
	__u32 *cq_head, *cq_tail, head, ready;
	struct io_uring_cqe *cqes;
	int i, submitted;

	if (!rings || !sqes)
		return IOU_LOOP_STOP;
	cq_head = (__u32 *)(rings + cq_head_offset);
	cq_tail = (__u32 *)(rings + cq_tail_offset);
	cqes = (struct io_uring_cqe *)(rings + cqes_offset);

	if (!begun) {
		begun = 1;
		if (!nr_buffers || nr_buffers > MAX_BUFFERS || nr_buffers > sq_entries || nr_buffers > cq_entries || !buffer_size) {
			result = -EINVAL;
			return IOU_LOOP_STOP;
		}
		depth = nr_buffers;
		slots[0].opcode = IORING_OP_SYNC_FILE_RANGE;
		slots[0].ready = 1;
	}

	queued = 0;
	head = *cq_head;
	ready = *cq_tail - head;
	if (ready > cq_entries)
		ready = cq_entries;
	bpf_for(i, 0, ready) {
		struct io_uring_cqe *cqe = &cqes[(head + i) & (cq_entries - 1)];

		complete(&slots[cqe->user_data & (MAX_BUFFERS - 1)], cqe->res);
	}
	*cq_head = head + ready;
	inflight -= ready;

	if (probed == 2 && !started) {
		started = 1;
		bpf_for(i, 0, depth)
			next_chunk(&slots[i & (MAX_BUFFERS - 1)]);
	}
	bpf_for(i, 0, depth) {
		__u32 n = i & (MAX_BUFFERS - 1);
		struct slot *slot = &slots[n];
		struct io_uring_sqe *sqe;

		if (!slot->ready || result)
			continue;
		slot->ready = 0;
		sqe = &sqes[queued & (sq_entries - 1)];
		__builtin_memset(sqe, 0, sizeof(*sqe));
		sqe->opcode = slot->opcode;
		sqe->user_data = n;
		queue[queued & (MAX_BUFFERS - 1)] = n;
		queued++;
		if (slot->opcode == IORING_OP_SYNC_FILE_RANGE) {
			sqe->fd = probed ? out_fd : in_fd;
			continue;
		}
		sqe->fd = slot->opcode == IORING_OP_READ ? in_fd : out_fd;
		sqe->addr = buffers + (__u64)n * buffer_size + slot->at;
		sqe->len = slot->len;
		sqe->off = slot->offset;
	}
	if (queued) {
		submitted = bpf_io_uring_submit_sqes(ring, queued);
		if (submitted > 0) {
			inflight += submitted;
			/* what was not taken, for lack of memory or behind a refused request, has to be asked for again */
			bpf_for(i, submitted, queued)
				slots[queue[i & (MAX_BUFFERS - 1)] & (MAX_BUFFERS - 1)].ready = 1;
		} else if (!result) {
			result = submitted ? submitted : -EAGAIN;
		}
	}
	if (!inflight)
		return IOU_LOOP_STOP;
	params->cq_wait_idx = *cq_head + 1;
	return IOU_LOOP_CONTINUE;
}

LOOP_OPS(cp);
