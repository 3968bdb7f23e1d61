/* SPDX-License-Identifier: MIT */
/* expect: ?
 * strtol
 */
#include "loop.h"

STEP { char b[8] = "-123x"; long r = 0; out[0] = bpf_strtol(b, 8, 10, &r); out[1] = r; b[0] = 0x37; out[2] = bpf_strtol(b, 8, 0, &r); out[3] = r; out[4] = bpf_strtol(b, 8, 7, &r); return 1; }

OPS
