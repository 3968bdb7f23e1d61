/* SPDX-License-Identifier: MIT */
/* expect: ?
 * 32-bit sign extending move
 */
#include "loop.h"

/*v4*/
NAKED_STEP { asm volatile (ASM_ARGS ASM_MEM(64) "r1 = *(u8 *)(r0 + 0); w1 = (s8)w1; w1 &= 63; r0 += r1; r2 = *(u8 *)(r0 + 0); r0 = 1; exit;" :: ASM_IMM : CLOBBER); }
KFUNC_BTF_ROOT

OPS
