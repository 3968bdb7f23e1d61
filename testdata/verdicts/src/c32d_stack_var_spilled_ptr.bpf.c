/* SPDX-License-Identifier: MIT */
/* expect: ?
 * variable write over a spilled pointer
 */
#include "loop.h"

NAKED_STEP { asm volatile (ASM_ARGS ASM_MEM(64) "*(u64 *)(r10 - 8) = r0; *(u64 *)(r10 - 16) = 0; r2 = *(u32 *)(r0 + 0); r2 &= 15; r3 = r10; r3 += -16; r3 += r2; r1 = 0; *(u8 *)(r3 + 0) = r1; r2 = *(u64 *)(r10 - 8); r3 = *(u8 *)(r2 + 0); r0 = 1; exit;" :: ASM_IMM : CLOBBER); }
KFUNC_BTF_ROOT

OPS
