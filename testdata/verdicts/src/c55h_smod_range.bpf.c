/* SPDX-License-Identifier: MIT */
/* expect: ?
 * signed remainder
 */
#include "loop.h"

/*v4*/
NAKED_STEP { asm volatile (ASM_ARGS ASM_MEM(64) "r1 = *(u64 *)(r0 + 0); r1 s%%= 16; r0 += 20; r0 += r1; r2 = *(u8 *)(r0 + 0); r0 = 1; exit;" :: ASM_IMM : CLOBBER); }
KFUNC_BTF_ROOT

OPS
