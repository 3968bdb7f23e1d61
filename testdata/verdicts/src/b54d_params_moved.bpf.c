/* SPDX-License-Identifier: MIT */
/* expect: ?
 * iou_loop_params moved by a constant
 */
#include "loop.h"

NAKED_STEP { asm volatile ("r6 = *(u64 *)(r1 + 8); r6 += 2; r0 = 1; *(u16 *)(r6 + 0) = r0; r2 = *(u16 *)(r6 - 2); exit;" ::: CLOBBER); }

OPS
