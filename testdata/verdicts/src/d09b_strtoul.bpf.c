/* SPDX-License-Identifier: MIT */
/* expect: ?
 * strtoul
 */
#include "loop.h"

STEP { char b[8] = "0x1fg"; unsigned long r = 0; out[0] = bpf_strtoul(b, 8, 16, &r); out[1] = r; out[2] = bpf_strtoul(b, 8, 0, &r); out[3] = r; b[0] = 45; out[4] = bpf_strtoul(b, 8, 8, &r); b[0] = 65; out[5] = bpf_strtoul(b, 8, 10, &r); return 1; }

OPS
