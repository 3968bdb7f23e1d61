/* SPDX-License-Identifier: MIT */
/* expect: ?
 * ring buffer dynptr left
 */
#include "loop.h"

struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); } rb SEC(".maps");
STEP { struct bpf_dynptr d; out[0] = bpf_ringbuf_reserve_dynptr(&rb, 64, 0, &d); return 1; }

OPS
