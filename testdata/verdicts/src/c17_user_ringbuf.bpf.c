/* SPDX-License-Identifier: MIT */
/* expect: ?
 * user ring buffer drained
 */
#include "loop.h"

struct { __uint(type, BPF_MAP_TYPE_USER_RINGBUF); __uint(max_entries, 4096); } ub SEC(".maps");
static long cb(struct bpf_dynptr *d, void *c) { __u64 v = 0; bpf_dynptr_read(&v, 8, d, 0, 0); out[1] += v; return 0; }
STEP { out[0] = bpf_user_ringbuf_drain(&ub, cb, 0, 0); return 1; }

OPS
