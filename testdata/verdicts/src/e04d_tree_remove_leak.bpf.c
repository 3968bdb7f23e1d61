/* SPDX-License-Identifier: MIT */
/* expect: ?
 * what was removed not given back
 */
#include "objects.h"

struct item { __u32 key; struct bpf_rb_node node; };
struct val { struct bpf_spin_lock lock; struct bpf_rb_root root __contains(item, node); };
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, struct val); } a SEC(".maps");
static bool less(struct bpf_rb_node *x, const struct bpf_rb_node *y) { return container(x, struct item, node)->key < container(y, struct item, node)->key; }
STEP { struct item *n_ = NEW(struct item); if (!n_) return 1; DROP(n_); __u32 k = 0; struct val *v = bpf_map_lookup_elem(&a, &k); if (!v) return 1; struct bpf_rb_node *r; bpf_spin_lock(&v->lock); r = bpf_rbtree_first(&v->root); if (r) r = bpf_rbtree_remove(&v->root, r); bpf_spin_unlock(&v->lock); return 1; }

OPS
