/* SPDX-License-Identifier: MIT */
/* expect: ?
 * pages allocated under a lock
 */
#include "objects.h"

struct { __uint(type, BPF_MAP_TYPE_ARENA); __uint(map_flags, BPF_F_MMAPABLE); __uint(max_entries, 100); } arena SEC(".maps");
struct val { struct bpf_spin_lock lock; __u32 x; };
M(a, ARRAY, 1, __u32, struct val)
STEP { __u32 k = 0; struct val *v = bpf_map_lookup_elem(&a, &k); if (!v) return 1; bpf_spin_lock(&v->lock); __u32 __arena *p = bpf_arena_alloc_pages(&arena, NULL, 1, -1, 0); bpf_spin_unlock(&v->lock); out[0] = p != 0; return 1; }

OPS
