/* SPDX-License-Identifier: MIT */
/* expect: ?
 * region used without the NULL check
 */
#include "loop.h"

STEP { __u32 *m = GET(IOU_REGION_MEM, 64); out[0] = m[0]; return 1; }

OPS
