/* SPDX-License-Identifier: MIT */
/* expect: ?
 * zero stored to a kernel pointer in a map
 */
#include "loop.h"

struct task_struct { int pid; } REL;
#define __kptr_untrusted __attribute__((btf_type_tag("kptr_untrusted")))
struct val { struct task_struct __kptr_untrusted *t; __u32 x; };
M(a, ARRAY, 1, __u32, struct val)
STEP { __u32 k = 0; struct val *v = bpf_map_lookup_elem(&a, &k); if (!v) return 1; v->t = bpf_get_current_task_btf(); out[0] = v->t->pid != 0; v->t = 0; return 1; }

OPS
