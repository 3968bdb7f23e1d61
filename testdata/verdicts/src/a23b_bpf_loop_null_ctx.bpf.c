/* SPDX-License-Identifier: MIT */
/* expect: ?
 * bpf_loop without context
 */
#include "loop.h"

static int cb(__u64 i, void *c) { out[0] += i; return 0; }
STEP { out[1] = bpf_loop(10, cb, 0, 0); return 1; }

OPS
