/* SPDX-License-Identifier: MIT */
/* expect: ?
 * bpf_probe_read_kernel_str
 */
#include "loop.h"

char s[16] = "hello";
STEP { char b[16]; out[0] = bpf_probe_read_kernel_str(b, 16, s); out[1] = b[4]; out[2] = bpf_probe_read_kernel_str(b, 3, s); out[3] = b[2]; out[4] = bpf_probe_read_kernel_str(b, 3, 0); return 1; }

OPS
