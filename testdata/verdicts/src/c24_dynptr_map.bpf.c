/* SPDX-License-Identifier: MIT */
/* expect: ?
 * dynptr over a map value
 */
#include "loop.h"

M(a, ARRAY, 1, __u32, __u8[64])
STEP { struct bpf_dynptr d, e; __u32 k = 0; __u64 x = 7, y = 0; __u8 buf[16] = {}; __u8 *v = bpf_map_lookup_elem(&a, &k); if (!v) return 1; out[0] = bpf_dynptr_from_mem(v, 64, 0, &d); out[1] = bpf_dynptr_write(&d, 60, &x, 8, 0); out[2] = bpf_dynptr_write(&d, 8, &x, 8, 0); out[3] = bpf_dynptr_read(&y, 8, &d, 8, 0); out[4] = y; out[5] = bpf_dynptr_size(&d); out[6] = bpf_dynptr_is_null(&d); out[7] = bpf_dynptr_is_rdonly(&d); return 1; }

OPS
