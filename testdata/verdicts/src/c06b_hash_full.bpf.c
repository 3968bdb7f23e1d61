/* SPDX-License-Identifier: MIT */
/* expect: ?
 * hash that is full
 */
#include "loop.h"

M(h, HASH, 3, __u32, __u64)
STEP { __u32 k; __u64 v = 5; int i; for (i = 0; i < 5; i++) { k = i; out[i] = bpf_map_update_elem(&h, &k, &v, 0); } return 1; }

OPS
