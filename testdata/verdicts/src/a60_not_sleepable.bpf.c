/* SPDX-License-Identifier: MIT */
/* expect: ?
 * non-sleepable loop_step that does not submit
 */
#include "loop.h"

STEP_SEC("struct_ops/step") { __u32 *m = GET(0, 64); if (!m) return 1; out[0] = m[0]; m[4] = 1; return 1; }

OPS
