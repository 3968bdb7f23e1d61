/* SPDX-License-Identifier: MIT */
/* expect: ?
 * a list among the globals
 */
#include "objects.h"

struct item { __u32 value; struct bpf_list_node node; __u32 more; };
struct val { struct bpf_spin_lock lock; struct bpf_list_head head __contains(item, node); };
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 2); __type(key, __u32); __type(value, struct val); } a SEC(".maps");
struct bpf_spin_lock glock SEC(".data.L"); struct bpf_list_head ghead __contains(item, node) SEC(".data.L");
STEP { struct item *n = NEW(struct item); struct bpf_list_node *l; if (!n) return 1; n->value = 2; bpf_spin_lock(&glock); bpf_list_push_front_impl(&ghead, &n->node, NULL, 0); l = bpf_list_pop_front(&ghead); bpf_spin_unlock(&glock); if (l) { out[0] = container(l, struct item, node)->value; DROP(container(l, struct item, node)); } return 1; }

OPS
