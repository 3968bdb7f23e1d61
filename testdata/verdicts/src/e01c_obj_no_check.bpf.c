/* SPDX-License-Identifier: MIT */
/* expect: ?
 * an object used without a null check
 */
#include "objects.h"

struct obj { __u32 x; __u64 y; };
STEP { struct obj *o = NEW(struct obj); o->x = 7; DROP(o); return 1; }

OPS
