/* SPDX-License-Identifier: MIT */
/* expect: ?
 * array: update and delete
 */
#include "loop.h"

M(h, ARRAY, 3, __u32, __u64)
STEP { __u32 k = 1; __u64 v = 5, *p; out[0] = bpf_map_update_elem(&h, &k, &v, 0); out[1] = bpf_map_update_elem(&h, &k, &v, 1); out[2] = bpf_map_update_elem(&h, &k, &v, 2); out[3] = bpf_map_delete_elem(&h, &k); k = 9; out[4] = bpf_map_update_elem(&h, &k, &v, 0); out[5] = bpf_map_update_elem(&h, &k, &v, 9); return 1; }

OPS
