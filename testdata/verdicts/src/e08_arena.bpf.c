/* SPDX-License-Identifier: MIT */
/* expect: ?
 * memory of an arena
 */
#include "objects.h"

struct { __uint(type, BPF_MAP_TYPE_ARENA); __uint(map_flags, BPF_F_MMAPABLE); __uint(max_entries, 100); } arena SEC(".maps");
STEP { __u32 __arena *p = bpf_arena_alloc_pages(&arena, NULL, 1, -1, 0); if (!p) return 1; p[3] = 7; out[0] = p[3]; bpf_arena_free_pages(&arena, p, 1); return 1; }

OPS
