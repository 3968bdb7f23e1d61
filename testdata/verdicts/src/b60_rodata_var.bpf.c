/* SPDX-License-Identifier: MIT */
/* expect: ?
 * variable index into .rodata
 */
#include "loop.h"

const volatile __u64 ro[4] = { 1, 2, 3, 4 };
STEP { __u64 i = ls->cq_wait_idx & 3; HIDE(i); out[0] = ro[i]; return 1; }

OPS
