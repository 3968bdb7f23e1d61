// FNV-1a, 64 bits, a byte at a time: a chain of multiplications.
#include "compute.h"

u64 run(u8 *mem, u32 size)
{
	u64 hash = 0xcbf29ce484222325ULL;

	for (u32 i = 0; i < size; i++) {
		hash ^= mem[i];
		hash *= 0x100000001b3ULL;
	}
	return hash;
}
