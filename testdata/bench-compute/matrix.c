// Product of two 48 x 48 matrices of u32, and the sum of the result.
#include "compute.h"

#define N 48

u64 run(u8 *mem, u32 size)
{
	u32 *a = (u32 *)mem, *b = a + N * N, *c = b + N * N;
	u64 sum = 0;

	if (size < 3 * N * N * sizeof(u32))
		return 0;
	for (u32 i = 0; i < N; i++) {
		for (u32 j = 0; j < N; j++) {
			u32 cell = 0;

			for (u32 k = 0; k < N; k++)
				cell += a[i * N + k] * b[k * N + j];
			c[i * N + j] = cell;
			sum += cell;
		}
	}
	return sum;
}
