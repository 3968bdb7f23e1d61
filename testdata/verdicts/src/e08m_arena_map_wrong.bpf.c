/* SPDX-License-Identifier: MIT */
/* expect: ?
 * pages of a map that is no arena
 */
#include "objects.h"

struct { __uint(type, BPF_MAP_TYPE_ARENA); __uint(map_flags, BPF_F_MMAPABLE); __uint(max_entries, 100); } arena SEC(".maps");
M(a, ARRAY, 1, __u32, __u64)
STEP { __u32 __arena *p = bpf_arena_alloc_pages(&a, NULL, 1, -1, 0); out[0] = p != 0; return 1; }

OPS
