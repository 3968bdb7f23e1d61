/* SPDX-License-Identifier: MIT */
/* expect: ?
 * beyond the end of an object
 */
#include "objects.h"

struct obj { __u32 x; __u64 y; };
STEP { struct obj *o = NEW(struct obj); if (!o) return 1; *(__u64 *)((void *)o + 16) = 1; DROP(o); return 1; }

OPS
