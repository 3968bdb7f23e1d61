/* SPDX-License-Identifier: MIT */
/* expect: ?
 * a tree: added, first, removed
 */
#include "objects.h"

struct item { __u32 key; struct bpf_rb_node node; };
struct val { struct bpf_spin_lock lock; struct bpf_rb_root root __contains(item, node); };
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, struct val); } a SEC(".maps");
static bool less(struct bpf_rb_node *x, const struct bpf_rb_node *y) { return container(x, struct item, node)->key < container(y, struct item, node)->key; }
STEP { __u32 k = 0; struct val *v = bpf_map_lookup_elem(&a, &k); if (!v) return 1; int i; struct item *n; struct bpf_rb_node *r;
	bpf_for(i, 0, 5) { n = NEW(struct item); if (!n) break; n->key = (i * 3) % 5; bpf_spin_lock(&v->lock); bpf_rbtree_add_impl(&v->root, &n->node, less, NULL, 0); bpf_spin_unlock(&v->lock); }
	bpf_for(i, 0, 10) { bpf_spin_lock(&v->lock); r = bpf_rbtree_first(&v->root); if (!r) { bpf_spin_unlock(&v->lock); break; } r = bpf_rbtree_remove(&v->root, r); bpf_spin_unlock(&v->lock); if (!r) break; n = container(r, struct item, node); out[0] = out[0] * 10 + n->key; DROP(n); } return 1; }

OPS
