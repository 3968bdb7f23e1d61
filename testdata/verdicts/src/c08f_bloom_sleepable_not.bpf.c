/* SPDX-License-Identifier: MIT */
/* expect: ?
 * bloom filter in a non-sleepable loop
 */
#include "loop.h"

struct { __uint(type, BPF_MAP_TYPE_BLOOM_FILTER); __uint(max_entries, 16); __type(value, __u64); } b SEC(".maps");
STEP_SEC("struct_ops/step") { __u64 v = 1; out[0] = bpf_map_push_elem(&b, &v, 0); out[1] = bpf_map_peek_elem(&b, &v); return 1; }

OPS
