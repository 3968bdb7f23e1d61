/* SPDX-License-Identifier: MIT */
/* Returns `value` from its step number `at`, IOU_LOOP_CONTINUE before. */
#include "loopstep.bpf.h"
char LICENSE[] SEC("license") = "Dual MIT/GPL";
__s32 value;
__u32 at = 1;
__u32 steps;
LOOP_STEP(returns)
{
	return ++steps == at ? value : IOU_LOOP_CONTINUE;
}
LOOP_OPS(returns);
