/* SPDX-License-Identifier: MIT */
/* expect: ?
 * signed division and remainder
 */
#include "loop.h"

/*v4*/
NAKED_STEP { asm volatile (ASM_ARGS ASM_MEM(64) "r1 = *(u32 *)(r0 + 4); r2 = -100; r2 s/= 7; *(u64 *)(r0 + 16) = r2; r2 = -100; r2 s%%= 7; *(u64 *)(r0 + 24) = r2; w2 = w1; w2 s/= -1; *(u64 *)(r0 + 32) = r2; w2 = w1; w2 s%%= 5; *(u64 *)(r0 + 40) = r2; r0 = 1; exit;" :: ASM_IMM : CLOBBER); }
KFUNC_BTF_ROOT

OPS
