/* SPDX-License-Identifier: MIT */
/* expect: ?
 * write to a read-only slice
 */
#include "loop.h"

M(a, ARRAY, 1, __u32, __u8[64])
STEP { struct bpf_dynptr d, e; __u32 k = 0; __u64 x = 7, y = 0; __u8 buf[16] = {}; __u8 *v = bpf_map_lookup_elem(&a, &k); if (!v) return 1; __u8 *s; bpf_dynptr_from_mem(v, 64, 0, &d); s = bpf_dynptr_slice(&d, 8, buf, 16); if (s) s[0] = 1; return 1; }

OPS
