/* SPDX-License-Identifier: MIT */
/* expect: ?
 * 16-bit atomic
 */
#include "loop.h"

NAKED_STEP { asm volatile (ASM_ARGS ASM_MEM(64) "r1 = 1; .byte 0xcb; .byte 0x10; .short 0; .long 0; r0 = 1; exit;" :: ASM_IMM : CLOBBER); }
KFUNC_BTF_ROOT

OPS
