/* SPDX-License-Identifier: MIT */
/* expect: ?
 * callee stores its own frame pointer there
 */
#include "loop.h"

NAKED_STEP { asm volatile ("r1 = r10; r1 += -8; call sub1; r0 = 1; exit;" ::: CLOBBER); }
SUBPROG sub1(void) { asm volatile ("*(u64 *)(r1 + 0) = r10; r0 = 0; exit;" ::: CLOBBER); }

OPS
