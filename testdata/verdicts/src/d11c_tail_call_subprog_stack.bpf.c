/* SPDX-License-Identifier: MIT */
/* expect: ?
 * tail call in a function, caller with 256 bytes of stack
 */
#include "loop.h"

struct { __uint(type, BPF_MAP_TYPE_PROG_ARRAY); __uint(max_entries, 2); __uint(key_size, 4); __uint(value_size, 4); } pa SEC(".maps");
static NOINLINE int f(void *c) { bpf_tail_call(c, &pa, 0); return 3; }
STEP { volatile __u64 b[33]; b[0] = 1; out[0] = f(ctx) + b[0]; return 1; }

OPS
