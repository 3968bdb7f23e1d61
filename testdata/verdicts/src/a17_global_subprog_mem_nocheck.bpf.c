/* SPDX-License-Identifier: MIT */
/* expect: ?
 * global function uses its pointer without a check
 */
#include "loop.h"

struct pair { __u32 a, b; };
NOINLINE int gsum(struct pair *p) { return p->a + p->b; }
STEP { __u32 *m = GET(IOU_REGION_MEM, 64); if (!m) return 1; out[0] = gsum((void *)m); return 1; }

OPS
