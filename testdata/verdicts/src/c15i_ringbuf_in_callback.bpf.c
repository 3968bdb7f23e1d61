/* SPDX-License-Identifier: MIT */
/* expect: ?
 * record reserved outside, submitted in a callback
 */
#include "loop.h"

struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); } rb SEC(".maps");
static int cb(__u64 i, __u64 **c) { bpf_ringbuf_submit(*c, 0); return 1; }
STEP { __u64 *p = bpf_ringbuf_reserve(&rb, 16, 0); if (!p) return 1; bpf_loop(1, cb, &p, 0); return 1; }

OPS
