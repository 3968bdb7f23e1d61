/* SPDX-License-Identifier: MIT */
/* expect: ?
 * an object written through the map outside of RCU
 */
#include "objects.h"

struct obj { __u32 x; __u64 y; };
struct val { struct obj __kptr_ *o; };
M(a, ARRAY, 1, __u32, struct val)
STEP { __u32 k = 0; struct val *v = bpf_map_lookup_elem(&a, &k); if (!v) return 1; struct obj *p = v->o; if (p) p->x = 1; return 1; }

OPS
