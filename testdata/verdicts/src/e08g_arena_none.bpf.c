/* SPDX-License-Identifier: MIT */
/* expect: ?
 * a cast without an arena
 */
#include "objects.h"

STEP { __u32 __arena *p = (__u32 __arena *)out[1]; *p = 1; return 1; }

OPS
