/* SPDX-License-Identifier: MIT */
/* expect: ?
 * resilient spin lock
 */
#include "loop.h"

struct bpf_res_spin_lock { __u32 val; } ;
struct val { struct bpf_res_spin_lock l; __u32 x; };
KFV(int bpf_res_spin_lock(struct bpf_res_spin_lock *)); KFV(void bpf_res_spin_unlock(struct bpf_res_spin_lock *));
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 2); __type(key, __u32); __type(value, struct val); } a SEC(".maps");
STEP { __u32 k = 0; struct val *v = bpf_map_lookup_elem(&a, &k); if (!v) return 1; if (bpf_res_spin_lock(&v->l)) return 1; v->x += 3; bpf_res_spin_unlock(&v->l); out[0] = v->x; return 1; }

OPS
