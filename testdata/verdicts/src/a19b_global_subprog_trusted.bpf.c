/* SPDX-License-Identifier: MIT */
/* expect: ?
 * ring pointer passed to a global function as trusted
 */
#include "loop.h"

struct iou_ctx {};
NOINLINE int g(struct iou_ctx *r __arg_trusted) { return bpf_io_uring_submit_sqes((void *)r, 0); }
STEP { out[0] = g((void *)ring); return 1; }

OPS
