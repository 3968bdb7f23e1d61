/* SPDX-License-Identifier: MIT */
/* expect: ?
 * an object in an object
 */
#include "objects.h"

struct in { __u32 x; };
struct obj { __u32 x; struct in __kptr_ *in; };
STEP { struct obj *o = NEW(struct obj); struct in *i; if (!o) return 1; i = NEW(struct in); if (!i) { DROP(o); return 1; } i->x = 3; i = bpf_kptr_xchg(&o->in, i); if (i) DROP(i); i = bpf_kptr_xchg(&o->in, NULL); if (i) { out[0] = i->x; DROP(i); } DROP(o); return 1; }

OPS
