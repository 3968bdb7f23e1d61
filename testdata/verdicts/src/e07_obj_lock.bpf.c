/* SPDX-License-Identifier: MIT */
/* expect: ?
 * a list and its lock in an object
 */
#include "objects.h"

struct item { __u32 value; struct bpf_list_node node; };
struct owner { struct bpf_spin_lock lock; struct bpf_list_head head __contains(item, node); };
STEP { struct owner *o = NEW(struct owner); struct item *n; if (!o) return 1; n = NEW(struct item); if (!n) { DROP(o); return 1; } bpf_spin_lock(&o->lock); bpf_list_push_back_impl(&o->head, &n->node, NULL, 0); bpf_spin_unlock(&o->lock); out[0] = 1; DROP(o); return 1; }

OPS
