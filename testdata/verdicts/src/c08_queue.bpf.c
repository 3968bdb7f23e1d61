/* SPDX-License-Identifier: MIT */
/* expect: ?
 * queue
 */
#include "loop.h"

struct { __uint(type, BPF_MAP_TYPE_QUEUE); __uint(max_entries, 2); __type(value, __u64); } q SEC(".maps");
STEP { __u64 v = 1; out[0] = bpf_map_push_elem(&q, &v, 0); v = 2; out[1] = bpf_map_push_elem(&q, &v, 0); v = 3; out[2] = bpf_map_push_elem(&q, &v, 0); out[3] = bpf_map_push_elem(&q, &v, 2); out[4] = bpf_map_peek_elem(&q, &v); out[5] = v; out[6] = bpf_map_pop_elem(&q, &v); bpf_map_pop_elem(&q, &v); out[7] = bpf_map_pop_elem(&q, &v); return 1; }

OPS
