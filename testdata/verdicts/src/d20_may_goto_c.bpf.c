/* SPDX-License-Identifier: MIT */
/* expect: ?
 * may_goto in a loop over the region
 */
#include "loop.h"

STEP { __u32 *m = GET(0, 64); __u64 i = 0; if (!m) return 1; for (;;) { asm volatile goto (".byte 0xe5; .byte 0; .short (%l[done] - . - 4) / 8 & 0xffff; .long 0;" :::: done); out[0] += m[i & 15]; if (++i == 40) break; } done: out[1] = i; return 1; }

OPS
