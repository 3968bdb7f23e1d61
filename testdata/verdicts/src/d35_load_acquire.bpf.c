/* SPDX-License-Identifier: MIT */
/* expect: ?
 * load-acquire and store-release
 */
#include "loop.h"

NAKED_STEP { asm volatile (ASM_ARGS ASM_MEM(64) ".byte 0xdb; .byte 0x02; .short 16; .long 0x100; .byte 0xdb; .byte 0x20; .short 24; .long 0x110; r0 = 1; exit;" :: ASM_IMM : CLOBBER); }
KFUNC_BTF_ROOT

OPS
