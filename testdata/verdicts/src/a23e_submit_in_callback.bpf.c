/* SPDX-License-Identifier: MIT */
/* expect: ?
 * submits in a callback, ring pointer in the context
 */
#include "loop.h"

struct cc { struct io_ring_ctx *r; __u64 n; };
static int cb(__u64 i, struct cc *c) { c->n += bpf_io_uring_submit_sqes(c->r, 0) == 0; return 0; }
STEP { struct cc c = { ring, 0 }; bpf_loop(4, cb, &c, 0); out[0] = c.n; return 1; }

OPS
