/* SPDX-License-Identifier: MIT */
/* expect: ?
 * region smaller than the struct a global function expects
 */
#include "loop.h"

struct pair { __u64 a[9]; };
NOINLINE int gsum(struct pair *p __arg_nonnull) { return p->a[8]; }
STEP { __u32 *m = GET(IOU_REGION_MEM, 64); if (!m) return 1; out[0] = gsum((void *)m); return 1; }

OPS
