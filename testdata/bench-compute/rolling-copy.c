// Copies the first half over the second, each byte under a key that rolls on with what went by.
#include "compute.h"

u64 run(u8 *mem, u32 size)
{
	u32 half = size / 2;
	u32 key = 0x5eed1234;

	for (u32 i = 0; i < half; i++) {
		u8 byte = mem[i];

		mem[half + i] = byte ^ (u8)(key >> 24);
		key = (key << 5 | key >> 27) + byte;
	}
	return (u64)key << 32 | mem[size - 1];
}
