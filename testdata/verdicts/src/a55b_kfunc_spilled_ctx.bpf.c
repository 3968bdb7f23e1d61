/* SPDX-License-Identifier: MIT */
/* expect: ?
 * ring pointer from the stack
 */
#include "loop.h"

NAKED_STEP { asm volatile (ASM_ARGS "*(u64 *)(r10 - 8) = r6; r1 = 0; r1 = *(u64 *)(r10 - 8); r2 = 0; call %[submit]; r0 = 1; exit;" :: ASM_IMM : CLOBBER); }
KFUNC_BTF_ROOT

OPS
