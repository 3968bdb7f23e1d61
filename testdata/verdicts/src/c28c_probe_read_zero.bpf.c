/* SPDX-License-Identifier: MIT */
/* expect: ?
 * size 0
 */
#include "loop.h"

STEP { __u8 *m = GET(0, 64); if (!m) return 1; out[0] = bpf_probe_read_kernel(m + 64, 0, 0); return 1; }

OPS
