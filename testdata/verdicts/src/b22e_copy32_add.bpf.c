/* SPDX-License-Identifier: MIT */
/* expect: ?
 * a 32-bit copy plus a constant is checked
 */
#include "loop.h"

NAKED_STEP { asm volatile (ASM_ARGS ASM_MEM(64) "r1 = *(u32 *)(r0 + 0); w2 = w1; w2 += 4; if w2 > 19 goto +2; r0 += r1; r2 = *(u8 *)(r0 + 0); r0 = 1; exit;" :: ASM_IMM : CLOBBER); }
KFUNC_BTF_ROOT

OPS
