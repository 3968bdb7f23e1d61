/* SPDX-License-Identifier: MIT */
/* expect: ?
 * an object used after it was dropped
 */
#include "objects.h"

struct obj { __u32 x; __u64 y; };
STEP { struct obj *o = NEW(struct obj); if (!o) return 1; DROP(o); out[0] = o->x; return 1; }

OPS
