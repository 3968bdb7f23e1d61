/* SPDX-License-Identifier: MIT */
/* expect: ?
 * atomics on the region
 */
#include "loop.h"

STEP { __u64 *m = GET(0, 64); if (!m) return 1; out[0] = __sync_fetch_and_add(m + 2, 5); out[1] = __sync_fetch_and_or(m + 3, 0xf0f0); out[2] = __sync_fetch_and_and(m + 4, 0xff00ff); out[3] = __sync_fetch_and_xor(m + 5, -1); out[4] = __sync_lock_test_and_set(m + 6, 77); out[5] = __sync_val_compare_and_swap(m + 6, 77, 78); out[6] = __sync_fetch_and_add((__u32 *)m, 1); return 1; }

OPS
