/* SPDX-License-Identifier: MIT */
/* expect: ?
 * nested iterators
 */
#include "loop.h"

STEP { int i, j; __u64 s = 0; bpf_for(i, 0, 20) bpf_for(j, i, 20) s += i * j; out[0] = s; return 1; }

OPS
