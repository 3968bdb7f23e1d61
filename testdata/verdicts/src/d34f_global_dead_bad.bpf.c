/* SPDX-License-Identifier: MIT */
/* expect: ?
 * global function with a bad body, called from dead code only
 */
#include "loop.h"

const volatile int never = 0;
NOINLINE int g(int *p) { return *p; }
STEP { int v = 3; if (never) out[0] = g(&v); return 1; }

OPS
