/* SPDX-License-Identifier: MIT */
/*
 * NOPs from C with plain system calls on a ring of the same kind as loopstep's (SINGLE_ISSUER, DEFER_TASKRUN, NO_SQARRAY,
 * SQ_REWIND, CQSIZE): usage nops DEPTH REQUESTS PAIRS; keeps DEPTH requests in flight, in linked pairs when PAIRS is 1.
 * Prints nanoseconds for all of them.
 */
#include <linux/types.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* What older headers lack; include/uapi/linux/io_uring.h at v7.2. */
struct offsets {
	__u32 head, tail, mask, entries, flags_or_overflow, dropped_or_cqes, array_or_flags, resv1;
	__u64 user_addr;
};
struct params {
	__u32 sq_entries, cq_entries, flags, sq_thread_cpu, sq_thread_idle, features, wq_fd, resv[3];
	struct offsets sq_off, cq_off;
};
struct sqe {
	__u8 opcode, flags;
	__u16 ioprio;
	__s32 fd;
	__u64 off, addr;
	__u32 len, rw_flags;
	__u64 user_data;
	__u64 rest[3];
};
struct cqe {
	__u64 user_data;
	__s32 res;
	__u32 flags;
};
enum {
	CQSIZE = 1 << 3,
	SINGLE_ISSUER = 1 << 12,
	DEFER_TASKRUN = 1 << 13,
	NO_SQARRAY = 1 << 16,
	SQ_REWIND = 1 << 20,
	GETEVENTS = 1,
	IO_LINK = 1 << 2,
	OFF_SQES = 0x10000000,
	RINGS_BYTES = 1 << 16,
};

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

int main(int argc, char **argv)
{
	unsigned depth = argc > 1 ? atoi(argv[1]) : 1, pairs = argc > 3 ? atoi(argv[3]) : 0;
	unsigned long requests = argc > 2 ? strtoul(argv[2], NULL, 10) : 1000, done = 0;
	struct params p = { .cq_entries = depth, .flags = CQSIZE | SINGLE_ISSUER | DEFER_TASKRUN | NO_SQARRAY | SQ_REWIND };
	unsigned *head, *tail, mask;
	struct sqe *sqes;
	struct cqe *cqes;
	char *rings;
	uint64_t start;
	int fd;

	fd = syscall(__NR_io_uring_setup, depth, &p);
	if (fd < 0) {
		perror("io_uring_setup");
		return 4;
	}
	rings = mmap(NULL, p.cq_off.dropped_or_cqes + p.cq_entries * sizeof(struct cqe), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_POPULATE, fd, 0);
	sqes = mmap(NULL, depth * sizeof(struct sqe), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, OFF_SQES);
	if (rings == MAP_FAILED || (void *)sqes == MAP_FAILED) {
		perror("mmap");
		return 1;
	}
	head = (unsigned *)(rings + p.cq_off.head);
	tail = (unsigned *)(rings + p.cq_off.tail);
	cqes = (struct cqe *)(rings + p.cq_off.dropped_or_cqes);
	mask = p.cq_entries - 1;
	start = now();
	while (done < requests) {
		unsigned n = requests - done < depth ? requests - done : depth, i, h;

		for (i = 0; i < n; i++) {
			memset(&sqes[i], 0, sizeof(sqes[i]));
			sqes[i].user_data = done + i;
			if (pairs && i % 2 == 0 && i + 1 < n)
				sqes[i].flags = IO_LINK;
		}
		if (syscall(__NR_io_uring_enter, fd, n, n, GETEVENTS, NULL, 0) != (long)n) {
			perror("io_uring_enter");
			return 1;
		}
		for (h = *head; h != __atomic_load_n(tail, __ATOMIC_ACQUIRE); h++, done++) {
			/* the second of a pair may complete after the first of the next */
			if (cqes[h & mask].res || (!pairs && cqes[h & mask].user_data != done)) {
				fprintf(stderr, "unexpected completion\n");
				return 1;
			}
		}
		__atomic_store_n(head, h, __ATOMIC_RELEASE);
	}
	printf("%llu\n", (unsigned long long)(now() - start));
	return 0;
}
