/* SPDX-License-Identifier: MIT */
/* expect: ?
 * snprintf, more arguments than conversions
 */
#include "loop.h"

STEP { static const char f[] = "%d"; char b[8]; __u64 a[2] = { 12345, 67890 }; out[0] = bpf_snprintf(b, 8, f, a, 16); return 1; }

OPS
