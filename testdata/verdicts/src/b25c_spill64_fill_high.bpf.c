/* SPDX-License-Identifier: MIT */
/* expect: ?
 * 64-bit spill, upper half filled
 */
#include "loop.h"

NAKED_STEP { asm volatile (ASM_ARGS ASM_MEM(64) "r1 = *(u32 *)(r0 + 0); if r1 > 15 goto +4; *(u64 *)(r10 - 8) = r1; r3 = *(u32 *)(r10 - 4); r0 += r3; r2 = *(u8 *)(r0 + 0); r0 = 1; exit;" :: ASM_IMM : CLOBBER); }
KFUNC_BTF_ROOT

OPS
