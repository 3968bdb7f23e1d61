/* SPDX-License-Identifier: MIT */
/* expect: ?
 * a tree without its lock
 */
#include "objects.h"

struct item { __u32 key; struct bpf_rb_node node; };
struct val { struct bpf_spin_lock lock; struct bpf_rb_root root __contains(item, node); };
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, struct val); } a SEC(".maps");
static bool less(struct bpf_rb_node *x, const struct bpf_rb_node *y) { return container(x, struct item, node)->key < container(y, struct item, node)->key; }
STEP { __u32 k = 0; struct val *v = bpf_map_lookup_elem(&a, &k); if (!v) return 1; struct item *n = NEW(struct item); if (!n) return 1; bpf_rbtree_add_impl(&v->root, &n->node, less, NULL, 0); return 1; }

OPS
