/* SPDX-License-Identifier: MIT */
/* expect: ?
 * tail call into an empty array
 */
#include "loop.h"

struct { __uint(type, BPF_MAP_TYPE_PROG_ARRAY); __uint(max_entries, 2); __uint(key_size, 4); __uint(value_size, 4); } pa SEC(".maps");
STEP { bpf_tail_call(ctx, &pa, 0); out[0] = 7; return 1; }

OPS
