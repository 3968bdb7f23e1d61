/* SPDX-License-Identifier: MIT */
/* expect: ?
 * pointer plus 1 << 29 and back
 */
#include "loop.h"

NAKED_STEP { asm volatile (ASM_ARGS ASM_MEM(64) "r0 += 0x1fffffff; r0 -= 0x1fffffff; r2 = *(u8 *)(r0 + 0); r0 = 1; exit;" :: ASM_IMM : CLOBBER); }
KFUNC_BTF_ROOT

OPS
