/* SPDX-License-Identifier: MIT */
/* expect: ?
 * and with a negative number
 */
#include "loop.h"

NAKED_STEP { asm volatile (ASM_ARGS ASM_MEM(64) "r1 = *(u8 *)(r0 + 0); r1 &= -8; if r1 > 56 goto +2; r0 += r1; r2 = *(u64 *)(r0 + 0); r0 = 1; exit;" :: ASM_IMM : CLOBBER); }
KFUNC_BTF_ROOT

OPS
