/* SPDX-License-Identifier: MIT */
/* Calls a helper that the engines user and sim do not run, unless it is `quiet`, which the verifier knows. */
#include "loopstep.bpf.h"
char LICENSE[] SEC("license") = "Dual MIT/GPL";
static long (*bpf_send_signal)(__u32 sig) = (void *)109;
const volatile int quiet;
int steps;
LOOP_STEP(signals)
{
	steps++;
	if (!quiet)
		bpf_send_signal(23);
	return IOU_LOOP_STOP;
}
LOOP_OPS(signals);
