/* SPDX-License-Identifier: MIT */
/* expect: ?
 * an object as memory of a helper
 */
#include "objects.h"

struct obj { __u32 x; __u64 y; };
STEP { struct obj *o = NEW(struct obj); if (!o) return 1; out[0] = bpf_probe_read_kernel(o, 8, o); DROP(o); return 1; }

OPS
