/* SPDX-License-Identifier: MIT */
/* expect: ?
 * a pointer to an arena handed to a global function
 */
#include "objects.h"

struct { __uint(type, BPF_MAP_TYPE_ARENA); __uint(map_flags, BPF_F_MMAPABLE); __uint(max_entries, 100); } arena SEC(".maps");
__u64 __arena g = 5;
NOINLINE __u64 take(__u64 __arena *p __arg_arena) { return *p; }
STEP { out[0] = take(&g); return 1; }

OPS
