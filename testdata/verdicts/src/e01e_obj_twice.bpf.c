/* SPDX-License-Identifier: MIT */
/* expect: ?
 * an object dropped twice
 */
#include "objects.h"

struct obj { __u32 x; __u64 y; };
STEP { struct obj *o = NEW(struct obj); if (!o) return 1; DROP(o); DROP(o); return 1; }

OPS
