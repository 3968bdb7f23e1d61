/* SPDX-License-Identifier: MIT */
/* expect: ?
 * snprintf cut short
 */
#include "loop.h"

STEP { static const char f[] = "%d-%d"; char b[8]; __u64 a[2] = { 12345, 67890 }; out[0] = bpf_snprintf(b, 4, f, a, 16); out[1] = *(__u32 *)b; out[2] = bpf_snprintf(0, 0, f, a, 16); return 1; }

OPS
