/* SPDX-License-Identifier: MIT */
/* expect: ?
 * hash: update, lookup, delete
 */
#include "loop.h"

M(h, HASH, 3, __u32, __u64)
STEP { __u32 k = 1; __u64 v = 5, *p; out[0] = bpf_map_update_elem(&h, &k, &v, 0); out[1] = bpf_map_update_elem(&h, &k, &v, 1); k = 2; out[2] = bpf_map_update_elem(&h, &k, &v, 2); out[3] = bpf_map_delete_elem(&h, &k); k = 1; p = bpf_map_lookup_elem(&h, &k); if (p) { *p += 2; out[4] = *p; } out[5] = bpf_map_delete_elem(&h, &k); out[6] = bpf_map_lookup_elem(&h, &k) == 0; out[7] = bpf_map_update_elem(&h, &k, &v, 7); return 1; }

OPS
