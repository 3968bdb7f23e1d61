/* SPDX-License-Identifier: MIT */
/* expect: ?
 * LRU hash
 */
#include "loop.h"

M(h, LRU_HASH, 8, __u32, __u64)
STEP { __u32 k = 1; __u64 v = 5, *p; out[0] = bpf_map_update_elem(&h, &k, &v, 0); p = bpf_map_lookup_elem(&h, &k); if (p) out[1] = *p; out[2] = bpf_map_delete_elem(&h, &k); return 1; }

OPS
