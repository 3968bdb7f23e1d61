/* SPDX-License-Identifier: MIT */
/* expect: ?
 * whole region cleared
 */
#include "loop.h"

STEP { __u8 *m = GET(0, 4096); if (!m) return 1; __builtin_memset(m, 0, 64); for (int i = 64; i < 4096; i += 8) *(__u64 *)(m + i) = i; out[0] = *(__u64 *)(m + 4088); return 1; }

OPS
