/* SPDX-License-Identifier: MIT */
/* Never stops and never waits; counts its steps. */
#include "loopstep.bpf.h"
char LICENSE[] SEC("license") = "Dual MIT/GPL";
__u64 steps;
LOOP_STEP(spin)
{
	steps++;
	return IOU_LOOP_CONTINUE;
}
LOOP_OPS(spin);
