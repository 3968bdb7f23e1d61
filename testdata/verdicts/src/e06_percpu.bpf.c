/* SPDX-License-Identifier: MIT */
/* expect: ?
 * an object for every CPU
 */
#include "objects.h"

struct obj { __u64 x; };
struct val { struct obj __percpu_kptr_ *o; };
M(a, ARRAY, 1, __u32, struct val)
STEP { __u32 k = 0; struct val *v = bpf_map_lookup_elem(&a, &k); if (!v) return 1; struct obj *o = PNEW(struct obj), *p; if (!o) return 1; o = bpf_kptr_xchg(&v->o, o); if (o) bpf_percpu_obj_drop_impl(o, NULL); bpf_rcu_read_lock(); o = v->o; if (o) { p = bpf_this_cpu_ptr(o); p->x += 2; out[0] = p->x; p = bpf_per_cpu_ptr(o, 0); out[1] = p != 0; } bpf_rcu_read_unlock(); return 1; }

OPS
