/* SPDX-License-Identifier: MIT */
/* expect: ?
 * globals of an arena
 */
#include "objects.h"

struct { __uint(type, BPF_MAP_TYPE_ARENA); __uint(map_flags, BPF_F_MMAPABLE); __uint(max_entries, 100); } arena SEC(".maps");
__u64 __arena g = 5; __u32 __arena h[3];
STEP { g += 2; h[1] = 3; out[0] = g; out[1] = h[1] + h[2]; return 1; }

OPS
