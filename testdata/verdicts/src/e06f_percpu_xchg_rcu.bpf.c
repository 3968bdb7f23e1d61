/* SPDX-License-Identifier: MIT */
/* expect: ?
 * used on after it went into the map, under RCU
 */
#include "objects.h"

struct obj { __u64 x; };
struct val { struct obj __percpu_kptr_ *o; };
M(a, ARRAY, 1, __u32, struct val)
STEP { __u32 k = 0; struct val *v = bpf_map_lookup_elem(&a, &k); if (!v) return 1; struct obj *o = PNEW(struct obj), *p, *q; if (!o) return 1; bpf_rcu_read_lock(); q = bpf_kptr_xchg(&v->o, o); p = bpf_this_cpu_ptr(o); p->x = 4; out[0] = p->x; bpf_rcu_read_unlock(); if (q) bpf_percpu_obj_drop_impl(q, NULL); return 1; }

OPS
