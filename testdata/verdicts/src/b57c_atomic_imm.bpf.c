/* SPDX-License-Identifier: MIT */
/* expect: ?
 * unknown atomic operation
 */
#include "loop.h"

NAKED_STEP { asm volatile (ASM_ARGS ASM_MEM(64) "r1 = 1; .byte 0xdb; .byte 0x10; .short 0; .long 0x77; r0 = 1; exit;" :: ASM_IMM : CLOBBER); }
KFUNC_BTF_ROOT

OPS
