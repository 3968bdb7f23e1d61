/* SPDX-License-Identifier: MIT */
/* expect: ?
 * an object dropped with its lock held
 */
#include "objects.h"

struct item { __u32 value; struct bpf_list_node node; };
struct owner { struct bpf_spin_lock lock; struct bpf_list_head head __contains(item, node); };
STEP { struct item *n_ = NEW(struct item); if (!n_) return 1; DROP(n_); struct owner *o = NEW(struct owner); if (!o) return 1; bpf_spin_lock(&o->lock); DROP(o); return 1; }

OPS
