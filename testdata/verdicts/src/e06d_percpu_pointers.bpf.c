/* SPDX-License-Identifier: MIT */
/* expect: ?
 * one that holds pointers for every CPU
 */
#include "objects.h"

struct obj { __u64 x; void *p; };
STEP { struct obj *o = PNEW(struct obj); if (!o) return 1; bpf_percpu_obj_drop_impl(o, NULL); return 1; }

OPS
