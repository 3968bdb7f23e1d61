/* SPDX-License-Identifier: MIT */
/* expect: ?
 * constant key, per cpu array
 */
#include "loop.h"

M(a, PERCPU_ARRAY, 4, __u32, __u64[4])
NAKED_STEP { asm volatile ("r1 = 3; *(u32 *)(r10 - 8) = r1; r1 = %[a] ll; r2 = r10; r2 += -8; call 1; r1 = *(u64 *)(r0 + 24); r0 = 1; exit;" :: [a]"i"(&a) : CLOBBER); }

OPS
