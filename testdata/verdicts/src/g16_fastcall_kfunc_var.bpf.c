/* SPDX-License-Identifier: MIT */
/* expect: ?
 * a variable store reaches the spilled slots
 */
#include "loop.h"

KF void *bpf_rdonly_cast(const void *obj__ign, unsigned int btf_id__k);

static __attribute__((naked, noinline)) unsigned long part(void)
{
	asm volatile (
		"r1 = 1;\n"
		"r2 = 0;\n"
		"r3 = 5;\n"
		"r6 = 7;\n"
		"*(u64 *)(r10 - 8) = r6;\n"
		"r4 = 6;\n"
		"*(u64 *)(r10 - 16) = r4;\n"
		"*(u64 *)(r10 - 24) = r3;\n"
		"call %[cast];\n"
		"r3 = *(u64 *)(r10 - 24);\n"
		"r4 = *(u64 *)(r10 - 16);\n"
		"r6 = *(u64 *)(r10 - 8);\n"
		"r0 = *(u8 *)(r10 - 8);\n"
		"r0 &= 8;\n"
		"r2 = r10;\n"
		"r2 += -24;\n"
		"r2 += r0;\n"
		"*(u64 *)(r2 + 0) = r3;\n"
		"r0 = r3;\n"
		"exit;\n"
	:: [cast] "i"(bpf_rdonly_cast) : "memory");
}

STEP { out[0] = part() != 77; if (part() == 99) out[1] = (long)bpf_rdonly_cast((void *)0, 0); return 1; }

OPS
