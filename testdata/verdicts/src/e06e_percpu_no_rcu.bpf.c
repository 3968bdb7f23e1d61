/* SPDX-License-Identifier: MIT */
/* expect: ?
 * an object for every CPU outside of RCU
 */
#include "objects.h"

struct obj { __u64 x; };
struct val { struct obj __percpu_kptr_ *o; };
M(a, ARRAY, 1, __u32, struct val)
STEP { __u32 k = 0; struct val *v = bpf_map_lookup_elem(&a, &k); if (!v) return 1; struct obj *o = v->o, *p; if (o) { p = bpf_this_cpu_ptr(o); out[0] = p->x; } return 1; }

OPS
