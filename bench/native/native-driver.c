// Times a compute program compiled natively: prints its result and the nanoseconds a call takes.
//     native-driver CALLS
#include <stdio.h>
#include <stdlib.h>
#include "compute.h"
#include "timing.h"

static u8 mem[MEMORY] __attribute__((aligned(64)));

int main(int argc, char **argv)
{
	long calls = argc > 1 ? atol(argv[1]) : 1;
	u64 result;

	fill(mem);
	result = run(mem, MEMORY);
	double start = now();
	for (long i = 0; i < calls; i++)
		result = run(mem, MEMORY);
	printf("%llx %.3f\n", result, (now() - start) / calls);
	return 0;
}
