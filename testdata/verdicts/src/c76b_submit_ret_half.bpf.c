/* SPDX-License-Identifier: MIT */
/* expect: ?
 * result of submit checked on one side
 */
#include "loop.h"

STEP { __u8 *a = GET(0, 64); int n; if (!a) return 1; n = bpf_io_uring_submit_sqes(ring, 0); HIDE(n); if (n > 63) return 1; out[0] = a[n]; return 1; }

OPS
