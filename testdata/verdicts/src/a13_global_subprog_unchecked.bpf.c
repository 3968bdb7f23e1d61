/* SPDX-License-Identifier: MIT */
/* expect: ?
 * result of a global function used as index
 */
#include "loop.h"

NOINLINE int gfun(int a) { return a & 7; }
STEP { __u32 *m = GET(IOU_REGION_MEM, 64); __u32 v; if (!m) return 1; v = gfun(m[0]); HIDE(v); out[0] = m[v]; return 1; }

OPS
