/* SPDX-License-Identifier: MIT */
/* expect: ?
 * a pointer as number to submit
 */
#include "loop.h"

NAKED_STEP { asm volatile (ASM_ARGS "r1 = r6; r2 = r6; call %[submit]; r0 = 1; exit;" :: ASM_IMM : CLOBBER); }
KFUNC_BTF_ROOT

OPS
