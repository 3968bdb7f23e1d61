/* SPDX-License-Identifier: MIT */
/* expect: ?
 * dynptr memset and copy
 */
#include "loop.h"

M(a, ARRAY, 1, __u32, __u8[64])
STEP { struct bpf_dynptr d, e; __u32 k = 0; __u64 x = 7, y = 0; __u8 buf[16] = {}; __u8 *v = bpf_map_lookup_elem(&a, &k); if (!v) return 1; bpf_dynptr_from_mem(v, 64, 0, &d); out[0] = bpf_dynptr_memset(&d, 4, 8, 0xab); out[1] = v[4] + v[11]; bpf_dynptr_clone(&d, &e); out[2] = bpf_dynptr_copy(&d, 32, &e, 0, 16); out[3] = v[36]; out[4] = bpf_dynptr_memset(&d, 60, 8, 1); out[5] = bpf_dynptr_copy(&d, 60, &e, 0, 16); return 1; }

OPS
