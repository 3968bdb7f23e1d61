// Sieve of Eratosthenes over one byte a number; the count of primes and the last one.
#include "compute.h"

u64 run(u8 *mem, u32 size)
{
	u64 count = 0, last = 0;

	for (u32 i = 0; i < size; i++)
		mem[i] = i >= 2;
	for (u32 i = 2; i * i < size; i++) {
		if (!mem[i])
			continue;
		for (u32 j = i * i; j < size; j += i)
			mem[j] = 0;
	}
	for (u32 i = 0; i < size; i++) {
		if (mem[i]) {
			count++;
			last = i;
		}
	}
	return count << 32 | last;
}
