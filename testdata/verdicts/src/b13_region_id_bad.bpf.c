/* SPDX-License-Identifier: MIT */
/* expect: ?
 * region ids that do not exist
 */
#include "loop.h"

STEP { out[0] = GET(3, 8) == 0; out[1] = GET(~0u, 8) == 0; out[2] = GET(1, 64) != 0; out[3] = GET(2, 512) != 0; out[4] = GET(2, 4096) != 0; out[5] = GET(2, 4097) == 0; out[6] = GET(0, 8193) == 0; return 1; }

OPS
