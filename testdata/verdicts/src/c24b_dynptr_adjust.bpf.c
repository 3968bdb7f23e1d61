/* SPDX-License-Identifier: MIT */
/* expect: ?
 * dynptr adjusted and cloned
 */
#include "loop.h"

M(a, ARRAY, 1, __u32, __u8[64])
STEP { struct bpf_dynptr d, e; __u32 k = 0; __u64 x = 7, y = 0; __u8 buf[16] = {}; __u8 *v = bpf_map_lookup_elem(&a, &k); if (!v) return 1; bpf_dynptr_from_mem(v, 64, 0, &d); v[8] = 5; out[0] = bpf_dynptr_adjust(&d, 8, 24); out[1] = bpf_dynptr_size(&d); out[2] = bpf_dynptr_clone(&d, &e); out[3] = bpf_dynptr_adjust(&e, 8, 40); bpf_dynptr_read(&y, 1, &d, 0, 0); out[4] = y; out[5] = bpf_dynptr_read(&y, 8, &d, 12, 0); return 1; }

OPS
