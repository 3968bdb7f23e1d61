/* SPDX-License-Identifier: MIT */
/* Reads through whatever address it is given, in its third step: no verifier accepts it. */
#include "loopstep.bpf.h"
char LICENSE[] SEC("license") = "Dual MIT/GPL";
__u64 address;
__u64 value;
__u32 steps;
LOOP_STEP(wild)
{
	if (++steps < 3)
		return IOU_LOOP_CONTINUE;
	value = *(volatile __u64 *)address; /* the faulting line */
	return IOU_LOOP_STOP;
}
LOOP_OPS(wild);
