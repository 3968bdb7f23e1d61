/* SPDX-License-Identifier: MIT */
/* expect: ?
 * size -1
 */
#include "loop.h"

STEP { __u8 *m = GET(IOU_REGION_MEM, -1); if (!m) return 1; out[0] = m[0]; return 1; }

OPS
