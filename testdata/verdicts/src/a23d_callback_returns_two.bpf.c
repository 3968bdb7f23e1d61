/* SPDX-License-Identifier: MIT */
/* expect: ?
 * callback returns 2
 */
#include "loop.h"

static int cb(__u64 i, void *c) { return 2; }
STEP { out[1] = bpf_loop(10, cb, 0, 0); return 1; }

OPS
