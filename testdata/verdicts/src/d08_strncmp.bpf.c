/* SPDX-License-Identifier: MIT */
/* expect: ?
 * strncmp
 */
#include "loop.h"

STEP { static const char w[] = "hello"; char b[8] = "help"; out[0] = bpf_strncmp(b, 8, w); out[1] = bpf_strncmp(b, 3, w); b[2] = 0; out[2] = bpf_strncmp(b, 8, w); return 1; }

OPS
