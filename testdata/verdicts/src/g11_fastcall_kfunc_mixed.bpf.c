/* SPDX-License-Identifier: MIT */
/* expect: ?
 * one of two calls around which the slot is used is not inlined
 */
#include "loop.h"

KF void *bpf_rdonly_cast(const void *obj__ign, unsigned int btf_id__k);

static __attribute__((naked, noinline)) unsigned long part(void)
{
	asm volatile (
		"r1 = 1;\n"
		"r2 = 0;\n"
		"r3 = 5;\n"
		"*(u64 *)(r10 - 8) = r3;\n"
		"call %[cast];\n"
		"r3 = *(u64 *)(r10 - 8);\n"
		"*(u64 *)(r10 - 8) = r3;\n"
		"call 5;\n"
		"r3 = *(u64 *)(r10 - 8);\n"
		"r0 = r3;\n"
		"exit;\n"
	:: [cast] "i"(bpf_rdonly_cast) : "memory");
}

STEP { out[0] = part() != 77; if (part() == 99) out[1] = (long)bpf_rdonly_cast((void *)0, 0); return 1; }

OPS
