/* SPDX-License-Identifier: MIT */
/* expect: ?
 * an element of an arena looked up
 */
#include "objects.h"

struct { __uint(type, BPF_MAP_TYPE_ARENA); __uint(map_flags, BPF_F_MMAPABLE); __uint(max_entries, 100); } arena SEC(".maps");
STEP { __u32 k = 0; out[0] = bpf_map_lookup_elem(&arena, &k) != 0; return 1; }

OPS
