/* SPDX-License-Identifier: MIT */
/* expect: ?
 * two maps of different value size by path
 */
#include "loop.h"

M(a, ARRAY, 4, __u32, __u64)
M(b, ARRAY, 4, __u32, __u64[4])
STEP { __u32 k = 1; void *m = ls->cq_wait_idx == 5 ? (void *)&a : (void *)&b; __u64 *v; HIDE(m); v = bpf_map_lookup_elem(m, &k); if (!v) return 1; v[1] = 4; return 1; }

OPS
