/* SPDX-License-Identifier: MIT */
/* expect: ?
 * global function called under a spin lock
 */
#include "loop.h"

struct val { struct bpf_spin_lock l; __u32 x; };
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 2); __type(key, __u32); __type(value, struct val); } a SEC(".maps");
NOINLINE int f(int a) { HIDE(a); return a + 1; }
STEP { __u32 k = 0; struct val *v = bpf_map_lookup_elem(&a, &k); if (!v) return 1; bpf_spin_lock(&v->l); v->x = f(2); bpf_spin_unlock(&v->l); return 1; }

OPS
