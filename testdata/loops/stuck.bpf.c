/* SPDX-License-Identifier: MIT */
/* Never leaves its first step: no verifier accepts it. */
#include "loopstep.bpf.h"
char LICENSE[] SEC("license") = "Dual MIT/GPL";
__u64 turns;
LOOP_STEP(stuck)
{
	for (;;)
		(*(volatile __u64 *)&turns)++;
}
LOOP_OPS(stuck);
