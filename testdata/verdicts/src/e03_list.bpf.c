/* SPDX-License-Identifier: MIT */
/* expect: ?
 * a list: pushed, popped
 */
#include "objects.h"

struct item { __u32 value; struct bpf_list_node node; __u32 more; };
struct val { struct bpf_spin_lock lock; struct bpf_list_head head __contains(item, node); };
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 2); __type(key, __u32); __type(value, struct val); } a SEC(".maps");
STEP { __u32 k = 0; struct val *v = bpf_map_lookup_elem(&a, &k); if (!v) return 1; struct item *n = NEW(struct item); struct bpf_list_node *l; if (!n) return 1; n->value = 4;
	bpf_spin_lock(&v->lock); bpf_list_push_front_impl(&v->head, &n->node, NULL, 0); n->more = 5; bpf_spin_unlock(&v->lock);
	bpf_spin_lock(&v->lock); l = bpf_list_pop_back(&v->head); bpf_spin_unlock(&v->lock);
	if (l) { n = container(l, struct item, node); out[0] = n->value; out[1] = n->more; DROP(n); } return 1; }

OPS
