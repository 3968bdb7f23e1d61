/* SPDX-License-Identifier: MIT */
/* expect: ?
 * size known through two bounds
 */
#include "loop.h"

NAKED_STEP { asm volatile (ASM_ARGS "r8 = *(u32 *)(r7 + 0); if r8 < 48 goto +8; if r8 > 48 goto +7; r1 = r6; r2 = 0; r3 = r8; call %[get]; if r0 == 0 goto +2; r2 = *(u8 *)(r0 + 47); r0 = 1; r0 = 1; exit;" :: ASM_IMM : CLOBBER); }
KFUNC_BTF_ROOT

OPS
