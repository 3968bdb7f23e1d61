/* SPDX-License-Identifier: MIT */
/* expect: ?
 * dropped as one that is not per CPU
 */
#include "objects.h"

struct obj { __u64 x; };
struct val { struct obj __percpu_kptr_ *o; };
M(a, ARRAY, 1, __u32, struct val)
STEP { struct obj *o = PNEW(struct obj); if (!o) return 1; DROP(o); return 1; }

OPS
