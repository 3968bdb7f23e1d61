/* SPDX-License-Identifier: MIT */
/* expect: ?
 * no struct of the program
 */
#include "objects.h"

struct obj { __u32 x; __u64 y; };
STEP { struct obj *o = bpf_obj_new_impl(1, NULL); if (!o) return 1; DROP(o); return 1; }

OPS
