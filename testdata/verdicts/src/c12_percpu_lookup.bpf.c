/* SPDX-License-Identifier: MIT */
/* expect: ?
 * bpf_map_lookup_percpu_elem
 */
#include "loop.h"

M(a, PERCPU_ARRAY, 2, __u32, __u64)
STEP { __u32 k = 1; __u64 *v = bpf_map_lookup_percpu_elem(&a, &k, 0); if (!v) return 1; *v = 3; out[0] = *v; out[1] = bpf_map_lookup_percpu_elem(&a, &k, 100) == 0; return 1; }

OPS
