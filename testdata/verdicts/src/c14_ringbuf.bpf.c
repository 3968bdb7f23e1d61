/* SPDX-License-Identifier: MIT */
/* expect: ?
 * ring buffer record
 */
#include "loop.h"

struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); } rb SEC(".maps");
STEP { __u64 *p = bpf_ringbuf_reserve(&rb, 16, 0); if (!p) return 1; p[0] = 1; p[1] = 2; bpf_ringbuf_submit(p, 0); out[0] = bpf_ringbuf_query(&rb, 0); out[1] = bpf_ringbuf_query(&rb, 1); return 1; }

OPS
