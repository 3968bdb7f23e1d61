// Heap sort of 2048 u32, freshly drawn each time; sifting down is a function of its own, so that it is called.
#include "compute.h"

#define N 2048

static __attribute__((noinline)) void sift_down(u32 *heap, u32 root, u32 end)
{
	u32 value = heap[root];

	for (;;) {
		u32 child = 2 * root + 1;

		if (child >= end)
			break;
		if (child + 1 < end && heap[child + 1] > heap[child])
			child++;
		if (heap[child] <= value)
			break;
		heap[root] = heap[child];
		root = child;
	}
	heap[root] = value;
}

u64 run(u8 *mem, u32 size)
{
	u32 *heap = (u32 *)mem;
	u32 state = 12345;
	u64 sum = 0;

	if (size < N * sizeof(u32))
		return 0;
	for (u32 i = 0; i < N; i++) {
		state = state * 1664525 + 1013904223;
		heap[i] = state >> 8;
	}
	for (u32 i = N / 2; i-- > 0;)
		sift_down(heap, i, N);
	for (u32 end = N; end-- > 1;) {
		u32 top = heap[0];

		heap[0] = heap[end];
		heap[end] = top;
		sift_down(heap, 0, end);
	}
	for (u32 i = 0; i < N; i++)
		sum = sum * 31 + heap[i];
	return sum;
}
