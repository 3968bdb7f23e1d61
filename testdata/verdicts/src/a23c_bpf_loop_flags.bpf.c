/* SPDX-License-Identifier: MIT */
/* expect: ?
 * bpf_loop with flags and with too many turns
 */
#include "loop.h"

static int cb(__u64 i, void *c) { out[0] += i; return 0; }
STEP { out[1] = bpf_loop(10, cb, 0, 1); out[2] = bpf_loop((1 << 23) + 1, cb, 0, 0); out[3] = bpf_loop(0, cb, 0, 0); return 1; }

OPS
