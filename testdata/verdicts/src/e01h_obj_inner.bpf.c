/* SPDX-License-Identifier: MIT */
/* expect: ?
 * the middle of an object dropped
 */
#include "objects.h"

struct obj { __u32 x; __u64 y; };
STEP { struct obj *o = NEW(struct obj); if (!o) return 1; DROP((void *)o + 8); return 1; }

OPS
