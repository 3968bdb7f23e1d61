/* SPDX-License-Identifier: MIT */
/* expect: ?
 * array of maps
 */
#include "loop.h"

struct inner { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 2); __type(key, __u32); __type(value, __u64); } in1 SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS); __uint(max_entries, 2); __type(key, __u32); __array(values, struct inner); } om SEC(".maps") = { .values = { &in1 } };
STEP { __u32 k = 0; __u64 *v; void *m = bpf_map_lookup_elem(&om, &k); if (!m) return 1; k = 1; v = bpf_map_lookup_elem(m, &k); if (!v) return 1; *v += 6; out[0] = *v; k = 1; out[1] = bpf_map_lookup_elem(&om, &k) == 0; return 1; }

OPS
