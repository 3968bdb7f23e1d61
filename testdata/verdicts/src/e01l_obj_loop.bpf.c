/* SPDX-License-Identifier: MIT */
/* expect: ?
 * objects made in a loop
 */
#include "objects.h"

struct obj { __u32 x; __u64 y; };
STEP { int i; bpf_for(i, 0, 100) { struct obj *o = NEW(struct obj); if (!o) break; o->x = i; out[0] += o->x; DROP(o); } return 1; }

OPS
