/* SPDX-License-Identifier: MIT */
/* expect: ?
 * region or number by path
 */
#include "loop.h"

NAKED_STEP { asm volatile (ASM_ARGS ASM_MEM(64) "r2 = *(u64 *)(r0 + 8); if r2 == 0 goto +1; r0 = 77; r2 = *(u64 *)(r0 + 0); r0 = 1; exit;" :: ASM_IMM : CLOBBER); }
KFUNC_BTF_ROOT

OPS
