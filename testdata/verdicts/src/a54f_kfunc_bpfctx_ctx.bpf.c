/* SPDX-License-Identifier: MIT */
/* expect: ?
 * the bpf context instead of the ring pointer
 */
#include "loop.h"

STEP { out[0] = bpf_io_uring_submit_sqes((void *)ctx, 0); return 1; }

OPS
