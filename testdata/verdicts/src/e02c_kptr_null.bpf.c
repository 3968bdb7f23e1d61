/* SPDX-License-Identifier: MIT */
/* expect: ?
 * what may be null put into a map
 */
#include "objects.h"

struct obj { __u32 x; __u64 y; };
struct val { struct obj __kptr_ *o; };
M(a, ARRAY, 1, __u32, struct val)
STEP { __u32 k = 0; struct val *v = bpf_map_lookup_elem(&a, &k); if (!v) return 1; struct obj *o = NEW(struct obj); o = bpf_kptr_xchg(&v->o, o); if (o) DROP(o); return 1; }

OPS
