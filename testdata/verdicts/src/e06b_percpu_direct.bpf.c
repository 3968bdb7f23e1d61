/* SPDX-License-Identifier: MIT */
/* expect: ?
 * an object for every CPU read directly
 */
#include "objects.h"

struct obj { __u64 x; };
struct val { struct obj __percpu_kptr_ *o; };
M(a, ARRAY, 1, __u32, struct val)
STEP { struct obj *o = PNEW(struct obj); if (!o) return 1; out[0] = o->x; bpf_percpu_obj_drop_impl(o, NULL); return 1; }

OPS
