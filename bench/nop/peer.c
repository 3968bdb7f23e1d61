// A NOP loop in plain C: one io_uring mapped with mmap(2), driven by hand with plain system calls. Per request it does what
// the loop in src/programs/nops does: clear the SQE and fill it in, submit, look at the CQE's result. Prints the requests
// completed and the nanoseconds one took.
//     peer REQUESTS DEPTH [wait]
// The completion of a NOP is there when the submitting call returns; with `wait` that call also asks for it, as
// io_uring_submit_and_wait() would.
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <linux/io_uring.h>

#ifndef IORING_SETUP_NO_SQARRAY
#define IORING_SETUP_NO_SQARRAY (1U << 16)
#endif
#ifndef IORING_SETUP_DEFER_TASKRUN
#define IORING_SETUP_DEFER_TASKRUN (1U << 13)
#endif
#ifndef IORING_SETUP_SINGLE_ISSUER
#define IORING_SETUP_SINGLE_ISSUER (1U << 12)
#endif

struct ring {
	int fd;
	unsigned sq_entries, cq_entries;
	unsigned *sq_tail, *cq_head, *cq_tail;
	struct io_uring_sqe *sqes;
	struct io_uring_cqe *cqes;
};

static void fail(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(1);
}

static void *map(int fd, size_t bytes, off_t what)
{
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, what);

	if (at == MAP_FAILED)
		fail("mmap");
	return at;
}

// Without NO_SQARRAY (before Linux 6.6) entry i of the array stands for SQE i.
static struct ring open_ring(unsigned entries)
{
	struct io_uring_params p;
	struct ring ring;
	size_t bytes;
	char *rings;

	memset(&p, 0, sizeof(p));
	p.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE | IORING_SETUP_NO_SQARRAY;
	p.cq_entries = entries;
	ring.fd = syscall(__NR_io_uring_setup, entries, &p);
	if (ring.fd < 0 && errno == EINVAL) {
		p.flags &= ~IORING_SETUP_NO_SQARRAY;
		ring.fd = syscall(__NR_io_uring_setup, entries, &p);
	}
	if (ring.fd < 0)
		fail("io_uring_setup");
	bytes = p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe);
	if (!(p.flags & IORING_SETUP_NO_SQARRAY) && p.sq_off.array + p.sq_entries * 4 > bytes)
		bytes = p.sq_off.array + p.sq_entries * 4;
	rings = map(ring.fd, bytes, IORING_OFF_SQ_RING);
	ring.sqes = map(ring.fd, p.sq_entries * sizeof(struct io_uring_sqe), IORING_OFF_SQES);
	if (!(p.flags & IORING_SETUP_NO_SQARRAY))
		for (unsigned i = 0; i < p.sq_entries; i++)
			((unsigned *)(rings + p.sq_off.array))[i] = i;
	ring.sq_entries = p.sq_entries;
	ring.cq_entries = p.cq_entries;
	ring.sq_tail = (unsigned *)(rings + p.sq_off.tail);
	ring.cq_head = (unsigned *)(rings + p.cq_off.head);
	ring.cq_tail = (unsigned *)(rings + p.cq_off.tail);
	ring.cqes = (struct io_uring_cqe *)(rings + p.cq_off.cqes);
	return ring;
}

// Looks at every completion that is there; returns how many.
static unsigned reap(struct ring *ring)
{
	unsigned head = *ring->cq_head;
	unsigned tail = __atomic_load_n(ring->cq_tail, __ATOMIC_ACQUIRE);

	for (unsigned i = head; i != tail; i++) {
		struct io_uring_cqe *cqe = &ring->cqes[i & (ring->cq_entries - 1)];

		if (cqe->res < 0) {
			errno = -cqe->res;
			fail("NOP");
		}
	}
	__atomic_store_n(ring->cq_head, tail, __ATOMIC_RELEASE);
	return tail - head;
}

static void submit(struct ring *ring, unsigned n, int wait)
{
	unsigned tail = *ring->sq_tail;

	for (unsigned i = 0; i < n; i++) {
		struct io_uring_sqe *sqe = &ring->sqes[(tail + i) & (ring->sq_entries - 1)];

		memset(sqe, 0, sizeof(*sqe));
		sqe->opcode = IORING_OP_NOP;
		sqe->user_data = i;
	}
	__atomic_store_n(ring->sq_tail, tail + n, __ATOMIC_RELEASE);
	if (syscall(__NR_io_uring_enter, ring->fd, n, wait ? n : 0, wait ? IORING_ENTER_GETEVENTS : 0, NULL, 0) != n)
		fail("io_uring_enter");
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

int main(int argc, char **argv)
{
	long requests = argc > 1 ? atol(argv[1]) : 1;
	unsigned depth = argc > 2 ? atoi(argv[2]) : 1;
	int wait = argc > 3;
	struct ring ring = open_ring(depth);
	long done = 0, inflight = 0;
	double start = now();

	while (done < requests) {
		unsigned n = depth - inflight;

		if (n > requests - done - inflight)
			n = requests - done - inflight;
		if (n)
			submit(&ring, n, wait);
		inflight += n;
		n = reap(&ring);
		inflight -= n;
		done += n;
		if (!n && syscall(__NR_io_uring_enter, ring.fd, 0, 1, IORING_ENTER_GETEVENTS, NULL, 0) < 0 && errno != EINTR)
			fail("io_uring_enter");
	}
	printf("%ld %.3f\n", done, (now() - start) / requests);
	return 0;
}
