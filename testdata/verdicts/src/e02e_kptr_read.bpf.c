/* SPDX-License-Identifier: MIT */
/* expect: ?
 * an object read through the map under RCU
 */
#include "objects.h"

struct obj { __u32 x; __u64 y; };
struct val { struct obj __kptr_ *o; };
M(a, ARRAY, 1, __u32, struct val)
STEP { __u32 k = 0; struct val *v = bpf_map_lookup_elem(&a, &k); if (!v) return 1; struct obj *o = NEW(struct obj), *p; if (!o) return 1; o->x = 5; o = bpf_kptr_xchg(&v->o, o); if (o) DROP(o); bpf_rcu_read_lock(); p = v->o; if (p) out[0] = p->x; bpf_rcu_read_unlock(); return 1; }

OPS
