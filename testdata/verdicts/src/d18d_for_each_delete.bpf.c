/* SPDX-License-Identifier: MIT */
/* expect: ?
 * callback deletes
 */
#include "loop.h"

M(h, HASH, 8, __u32, __u64)
static long cb(void *map, __u32 *k, __u64 *v, __u64 *s) { bpf_map_delete_elem(map, k); *s += 1; return 0; }
STEP { __u64 s = 0, v; __u32 k; for (int i = 0; i < 4; i++) { k = i; v = i; bpf_map_update_elem(&h, &k, &v, 0); } out[1] = bpf_for_each_map_elem(&h, cb, &s, 0); out[0] = s; k = 2; out[2] = bpf_map_lookup_elem(&h, &k) == 0; return 1; }

OPS
