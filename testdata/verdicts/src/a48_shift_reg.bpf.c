/* SPDX-License-Identifier: MIT */
/* expect: ?
 * shift by an unknown register
 */
#include "loop.h"

NAKED_STEP { asm volatile (ASM_ARGS ASM_MEM(64) "r1 = *(u32 *)(r0 + 0); r2 = 1; r2 <<= r1; *(u64 *)(r0 + 16) = r2; r2 = -1; r2 s>>= r1; r3 = -1; w3 >>= w1; *(u64 *)(r0 + 24) = r3; r0 = 1; exit;" :: ASM_IMM : CLOBBER); }
KFUNC_BTF_ROOT

OPS
