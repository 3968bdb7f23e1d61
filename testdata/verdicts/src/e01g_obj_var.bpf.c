/* SPDX-License-Identifier: MIT */
/* expect: ?
 * variable offset into an object
 */
#include "objects.h"

struct obj { __u32 x[16]; };
STEP { struct obj *o = NEW(struct obj); if (!o) return 1; o->x[out[1] & 15] = 1; DROP(o); return 1; }

OPS
