/* SPDX-License-Identifier: MIT */
/* expect: ?
 * an object made and dropped
 */
#include "objects.h"

struct obj { __u32 x; __u64 y; };
STEP { struct obj *o = NEW(struct obj); if (!o) return 1; o->x = 7; o->y = o->x + 1; out[0] = o->y; DROP(o); return 1; }

OPS
