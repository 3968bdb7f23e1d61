/* SPDX-License-Identifier: MIT */
/* expect: ?
 * the second reference not given back
 */
#include "objects.h"

struct item { __u32 key; struct bpf_list_node list; struct bpf_rb_node node; struct bpf_refcount refs; };
struct val { struct bpf_spin_lock lock; struct bpf_rb_root root __contains(item, node); struct bpf_list_head head __contains(item, list); };
M(a, ARRAY, 1, __u32, struct val)
static bool less(struct bpf_rb_node *x, const struct bpf_rb_node *y) { return container(x, struct item, node)->key < container(y, struct item, node)->key; }
STEP { struct item *n = NEW(struct item), *m; if (!n) return 1; m = bpf_refcount_acquire_impl(n, NULL); out[0] = m->key; DROP(n); return 1; }

OPS
