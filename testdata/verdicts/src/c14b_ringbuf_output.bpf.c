/* SPDX-License-Identifier: MIT */
/* expect: ?
 * ring buffer output and discard
 */
#include "loop.h"

struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); } rb SEC(".maps");
STEP { __u64 v[3] = { 1, 2, 3 }, *p; out[0] = bpf_ringbuf_output(&rb, v, 24, 0); p = bpf_ringbuf_reserve(&rb, 100, 0); if (!p) return 1; bpf_ringbuf_discard(p, 0); out[1] = bpf_ringbuf_query(&rb, 0); out[2] = bpf_ringbuf_query(&rb, 2); out[3] = bpf_ringbuf_query(&rb, 3); out[4] = bpf_ringbuf_output(&rb, v, 24, 5); out[5] = bpf_ringbuf_query(&rb, 9); return 1; }

OPS
