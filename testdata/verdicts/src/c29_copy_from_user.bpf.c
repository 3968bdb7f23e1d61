/* SPDX-License-Identifier: MIT */
/* expect: ?
 * bpf_copy_from_user
 */
#include "loop.h"

STEP { __u64 v = 7; out[0] = bpf_copy_from_user(&v, 8, (void *)8); out[1] = v; return 1; }

OPS
