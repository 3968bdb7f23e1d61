/* SPDX-License-Identifier: MIT */
/* expect: ?
 * exception while a record is held
 */
#include "loop.h"

struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); } rb SEC(".maps");
STEP { __u64 *p = bpf_ringbuf_reserve(&rb, 16, 0); if (!p) return 1; if (ls->cq_wait_idx == 0) bpf_throw(1); bpf_ringbuf_submit(p, 0); return 1; }

OPS
