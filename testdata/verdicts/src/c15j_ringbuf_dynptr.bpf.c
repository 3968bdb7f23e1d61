/* SPDX-License-Identifier: MIT */
/* expect: ?
 * ring buffer dynptr
 */
#include "loop.h"

struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); } rb SEC(".maps");
STEP { struct bpf_dynptr d; __u64 v = 7, w = 0, *s; out[0] = bpf_ringbuf_reserve_dynptr(&rb, 64, 0, &d); out[1] = bpf_dynptr_write(&d, 8, &v, 8, 0); out[2] = bpf_dynptr_read(&w, 8, &d, 8, 0); out[3] = w; s = bpf_dynptr_data(&d, 0, 16); if (s) { s[0] = 9; out[4] = s[1]; } out[5] = bpf_dynptr_size(&d); bpf_ringbuf_submit_dynptr(&d, 0); return 1; }

OPS
