/* SPDX-License-Identifier: MIT */
/* expect: ?
 * an object not given back
 */
#include "objects.h"

struct obj { __u32 x; __u64 y; };
STEP { struct obj *o = NEW(struct obj); if (!o) return 1; o->x = 7; return 1; }

OPS
