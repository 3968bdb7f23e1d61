/* SPDX-License-Identifier: MIT */
/* expect: ?
 * atomic on cq_wait_idx
 */
#include "loop.h"

NAKED_STEP { asm volatile ("r6 = *(u64 *)(r1 + 8); r0 = 1; lock *(u32 *)(r6 + 0) += r0; exit;" ::: CLOBBER); }

OPS
