/* SPDX-License-Identifier: MIT */
/* expect: ?
 * timer
 */
#include "loop.h"

struct val { struct bpf_timer t; __u32 x; };
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, struct val); } a SEC(".maps");
static int cb(void *m, __u32 *k, struct val *v) { v->x++; return 0; }
STEP { __u32 k = 0; struct val *v = bpf_map_lookup_elem(&a, &k); if (!v) return 1; out[0] = bpf_timer_init(&v->t, &a, 1); out[1] = bpf_timer_set_callback(&v->t, cb); out[2] = bpf_timer_start(&v->t, 1000000000, 0); out[3] = bpf_timer_cancel(&v->t); return 1; }

OPS
