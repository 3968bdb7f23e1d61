/* SPDX-License-Identifier: MIT */
/* expect: ?
 * size by path, used beyond one of them
 */
#include "loop.h"

NAKED_STEP { asm volatile (ASM_ARGS "r8 = 64; r1 = *(u32 *)(r7 + 0); if r1 == 0 goto +1; r8 = 32; r1 = r6; r2 = 0; r3 = r8; call %[get]; if r0 == 0 goto +1; r2 = *(u8 *)(r0 + 32); r0 = 1; exit;" :: ASM_IMM : CLOBBER); }
KFUNC_BTF_ROOT

OPS
