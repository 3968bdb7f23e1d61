/* SPDX-License-Identifier: MIT */
/* expect: ?
 * iterator made twice without destroying it
 */
#include "loop.h"

STEP { struct bpf_iter_num it; int *v; bpf_iter_num_new(&it, 0, 4); bpf_iter_num_new(&it, 0, 4); v = bpf_iter_num_next(&it); if (v) out[0] = *v; bpf_iter_num_destroy(&it); return 1; }

OPS
