/* SPDX-License-Identifier: MIT */
/* expect: ?
 * the pointer in an object read directly
 */
#include "objects.h"

struct in { __u32 x; };
struct obj { __u32 x; struct in __kptr_ *in; };
STEP { struct obj *o = NEW(struct obj); if (!o) return 1; out[0] = (__u64)o->in; DROP(o); return 1; }

OPS
