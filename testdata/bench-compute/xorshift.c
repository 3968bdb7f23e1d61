// xorshift64*, one number for each word of the memory, each also added to what was there.
#include "compute.h"

u64 run(u8 *mem, u32 size)
{
	u64 *words = (u64 *)mem;
	u64 state = 0x9e3779b97f4a7c15ULL;
	u64 sum = 0;

	for (u32 i = 0; i < size / 8; i++) {
		state ^= state >> 12;
		state ^= state << 25;
		state ^= state >> 27;
		sum += words[i] ^ (state * 0x2545f4914f6cdd1dULL);
	}
	return sum;
}
