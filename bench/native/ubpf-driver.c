// Times a compute program on ubpf's JIT: prints its result and the nanoseconds a call takes.
//     ubpf-driver CALLS SLOTS     SLOTS: a file of 8-byte instructions
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <ubpf.h>
#include "timing.h"

static unsigned char mem[MEMORY] __attribute__((aligned(64)));
static unsigned char code[1 << 16];

int main(int argc, char **argv)
{
	long calls = argc > 1 ? atol(argv[1]) : 1;
	FILE *file = fopen(argv[2], "rb");
	size_t length = file ? fread(code, 1, sizeof(code), file) : 0;
	struct ubpf_vm *vm = ubpf_create();
	char *error = NULL;
	uint64_t result = 0;

	if (!vm || ubpf_load(vm, code, length, &error) < 0) {
		fprintf(stderr, "%s\n", error ? error : "ubpf_load");
		return 1;
	}
	ubpf_jit_fn run = ubpf_compile(vm, &error);
	if (!run) {
		fprintf(stderr, "%s\n", error ? error : "ubpf_compile");
		return 1;
	}
	fill(mem);
	result = run(mem, MEMORY);
	double start = now();
	for (long i = 0; i < calls; i++)
		result = run(mem, MEMORY);
	printf("%llx %.3f\n", (unsigned long long)result, (now() - start) / calls);
	return 0;
}
