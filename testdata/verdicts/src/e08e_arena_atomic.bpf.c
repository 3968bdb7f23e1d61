/* SPDX-License-Identifier: MIT */
/* expect: ?
 * atomics in an arena
 */
#include "objects.h"

struct { __uint(type, BPF_MAP_TYPE_ARENA); __uint(map_flags, BPF_F_MMAPABLE); __uint(max_entries, 100); } arena SEC(".maps");
__u64 __arena g = 5;
STEP { out[0] = __sync_fetch_and_add(&g, 3); out[1] = __sync_val_compare_and_swap(&g, 8, 1); out[2] = g; return 1; }

OPS
