/* SPDX-License-Identifier: MIT */
/* expect: ?
 * bpf_probe_read_kernel of the region
 */
#include "loop.h"

STEP { __u8 *m = GET(0, 64); __u64 v = 1; if (!m) return 1; out[0] = bpf_probe_read_kernel(&v, 8, m); out[1] = v; out[2] = bpf_probe_read_kernel(m + 32, 8, &v); out[3] = m[32]; out[4] = bpf_probe_read_kernel(&v, 8, 0); out[5] = v; return 1; }

OPS
