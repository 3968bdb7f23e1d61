/* SPDX-License-Identifier: MIT */
/* expect: ?
 * a list in an arena
 */
#include "objects.h"

struct { __uint(type, BPF_MAP_TYPE_ARENA); __uint(map_flags, BPF_F_MMAPABLE); __uint(max_entries, 100); } arena SEC(".maps");
struct node { struct node __arena *next; __u32 v; };
STEP { struct node __arena *p = bpf_arena_alloc_pages(&arena, NULL, 1, -1, 0), *q, *head = NULL; int i; if (!p) return 1; bpf_for(i, 0, 10) { q = p + i; q->v = i; q->next = head; head = q; } q = head; bpf_for(i, 0, 100) { if (!q) break; out[0] = out[0] * 3 + q->v; q = q->next; } return 1; }

OPS
