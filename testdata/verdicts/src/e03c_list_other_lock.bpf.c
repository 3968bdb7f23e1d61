/* SPDX-License-Identifier: MIT */
/* expect: ?
 * a list under the lock of another
 */
#include "objects.h"

struct item { __u32 value; struct bpf_list_node node; __u32 more; };
struct val { struct bpf_spin_lock lock; struct bpf_list_head head __contains(item, node); };
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 2); __type(key, __u32); __type(value, struct val); } a SEC(".maps");
STEP { __u32 k = 0, k2 = 1; struct val *v = bpf_map_lookup_elem(&a, &k), *w = bpf_map_lookup_elem(&a, &k2); if (!v || !w) return 1; struct item *n = NEW(struct item); if (!n) return 1; bpf_spin_lock(&w->lock); bpf_list_push_front_impl(&v->head, &n->node, NULL, 0); bpf_spin_unlock(&w->lock); return 1; }

OPS
