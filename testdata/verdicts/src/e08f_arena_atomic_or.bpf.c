/* SPDX-License-Identifier: MIT */
/* expect: ?
 * an atomic the JIT lacks in an arena
 */
#include "objects.h"

struct { __uint(type, BPF_MAP_TYPE_ARENA); __uint(map_flags, BPF_F_MMAPABLE); __uint(max_entries, 100); } arena SEC(".maps");
__u64 __arena g = 5;
STEP { out[0] = __sync_fetch_and_or(&g, 8); return 1; }

OPS
