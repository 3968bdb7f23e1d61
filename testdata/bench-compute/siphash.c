// SipHash-2-4 (Aumasson and Bernstein 2012) of every 64-byte message in the memory, chained through the key.
#include "compute.h"

#define ROTL(x, b) ((x) << (b) | (x) >> (64 - (b)))
#define ROUND(v0, v1, v2, v3) do { \
	v0 += v1; v1 = ROTL(v1, 13); v1 ^= v0; v0 = ROTL(v0, 32); \
	v2 += v3; v3 = ROTL(v3, 16); v3 ^= v2; \
	v0 += v3; v3 = ROTL(v3, 21); v3 ^= v0; \
	v2 += v1; v1 = ROTL(v1, 17); v1 ^= v2; v2 = ROTL(v2, 32); \
} while (0)

u64 run(u8 *mem, u32 size)
{
	u64 k0 = 0x0706050403020100ULL, k1 = 0x0f0e0d0c0b0a0908ULL;

	for (u32 at = 0; at + 64 <= size; at += 64) {
		u64 *words = (u64 *)(mem + at);
		u64 v0 = k0 ^ 0x736f6d6570736575ULL, v1 = k1 ^ 0x646f72616e646f6dULL;
		u64 v2 = k0 ^ 0x6c7967656e657261ULL, v3 = k1 ^ 0x7465646279746573ULL;

		for (u32 i = 0; i < 8; i++) {
			v3 ^= words[i];
			ROUND(v0, v1, v2, v3);
			ROUND(v0, v1, v2, v3);
			v0 ^= words[i];
		}
		v3 ^= 64ULL << 56;
		ROUND(v0, v1, v2, v3);
		ROUND(v0, v1, v2, v3);
		v0 ^= 64ULL << 56;
		v2 ^= 0xff;
		ROUND(v0, v1, v2, v3);
		ROUND(v0, v1, v2, v3);
		ROUND(v0, v1, v2, v3);
		ROUND(v0, v1, v2, v3);
		k0 ^= v0 ^ v1 ^ v2 ^ v3;
		k1 += k0;
	}
	return k0;
}
