// What both drivers share: the clock (processor time), and the bytes every peer starts from (the same generator as in jit.bench.ts).
#include <time.h>

#define MEMORY 65536

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

static void fill(unsigned char *mem)
{
	unsigned int x = 1;

	for (int i = 0; i < MEMORY; i++) {
		x = x * 1664525 + 1013904223;
		mem[i] = x >> 24;
	}
}
