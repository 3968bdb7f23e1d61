/* SPDX-License-Identifier: MIT */
/* expect: ?
 * a pointer read from an object is a number
 */
#include "objects.h"

struct obj { struct obj *next; __u32 x; };
STEP { struct obj *o = NEW(struct obj); if (!o) return 1; o->next = o; out[0] = o->next->x; DROP(o); return 1; }

OPS
