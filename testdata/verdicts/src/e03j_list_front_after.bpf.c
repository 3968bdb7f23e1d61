/* SPDX-License-Identifier: MIT */
/* expect: ?
 * the first of a list after the lock was given back
 */
#include "objects.h"

struct item { __u32 value; struct bpf_list_node node; __u32 more; };
struct val { struct bpf_spin_lock lock; struct bpf_list_head head __contains(item, node); };
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 2); __type(key, __u32); __type(value, struct val); } a SEC(".maps");
STEP { struct item *n_ = NEW(struct item); if (!n_) return 1; DROP(n_); __u32 k = 0; struct val *v = bpf_map_lookup_elem(&a, &k); if (!v) return 1; bpf_spin_lock(&v->lock); struct bpf_list_node *l = bpf_list_front(&v->head); bpf_spin_unlock(&v->lock); if (l) out[0] = container(l, struct item, node)->value; return 1; }

OPS
