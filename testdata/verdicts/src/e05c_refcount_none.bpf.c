/* SPDX-License-Identifier: MIT */
/* expect: ?
 * a second reference to what does not count them
 */
#include "objects.h"

struct obj { __u32 x; __u64 y; };
STEP { struct obj *o = NEW(struct obj), *p; if (!o) return 1; p = bpf_refcount_acquire_impl(o, NULL); DROP(o); if (p) DROP(p); return 1; }

OPS
