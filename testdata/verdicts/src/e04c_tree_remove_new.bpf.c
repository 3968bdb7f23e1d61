/* SPDX-License-Identifier: MIT */
/* expect: ?
 * what is not in the tree removed
 */
#include "objects.h"

struct item { __u32 key; struct bpf_rb_node node; };
struct val { struct bpf_spin_lock lock; struct bpf_rb_root root __contains(item, node); };
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, struct val); } a SEC(".maps");
static bool less(struct bpf_rb_node *x, const struct bpf_rb_node *y) { return container(x, struct item, node)->key < container(y, struct item, node)->key; }
STEP { __u32 k = 0; struct val *v = bpf_map_lookup_elem(&a, &k); if (!v) return 1; struct item *n = NEW(struct item); struct bpf_rb_node *r; if (!n) return 1; bpf_spin_lock(&v->lock); r = bpf_rbtree_remove(&v->root, &n->node); bpf_spin_unlock(&v->lock); if (r) DROP(container(r, struct item, node)); DROP(n); return 1; }

OPS
