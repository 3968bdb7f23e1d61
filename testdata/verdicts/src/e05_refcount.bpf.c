/* SPDX-License-Identifier: MIT */
/* expect: ?
 * an object in a list and in a tree
 */
#include "objects.h"

struct item { __u32 key; struct bpf_list_node list; struct bpf_rb_node node; struct bpf_refcount refs; };
struct val { struct bpf_spin_lock lock; struct bpf_rb_root root __contains(item, node); struct bpf_list_head head __contains(item, list); };
M(a, ARRAY, 1, __u32, struct val)
static bool less(struct bpf_rb_node *x, const struct bpf_rb_node *y) { return container(x, struct item, node)->key < container(y, struct item, node)->key; }
STEP { __u32 k = 0; struct val *v = bpf_map_lookup_elem(&a, &k); if (!v) return 1; struct item *n = NEW(struct item), *m; struct bpf_list_node *l; struct bpf_rb_node *r; if (!n) return 1; n->key = 8; m = bpf_refcount_acquire_impl(n, NULL);
	bpf_spin_lock(&v->lock); bpf_rbtree_add_impl(&v->root, &n->node, less, NULL, 0); bpf_list_push_back_impl(&v->head, &m->list, NULL, 0); bpf_spin_unlock(&v->lock);
	bpf_spin_lock(&v->lock); l = bpf_list_pop_front(&v->head); bpf_spin_unlock(&v->lock); if (!l) return 1; n = container(l, struct item, list); out[0] = n->key; DROP(n);
	bpf_spin_lock(&v->lock); r = bpf_rbtree_first(&v->root); if (r) r = bpf_rbtree_remove(&v->root, r); bpf_spin_unlock(&v->lock); if (r) { out[1] = container(r, struct item, node)->key; DROP(container(r, struct item, node)); } return 1; }

OPS
