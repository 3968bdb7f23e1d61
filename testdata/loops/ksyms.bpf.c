/* SPDX-License-Identifier: MIT */
/* Wants variables of the kernel that nobody has: one with a type, one without. */
#include "loopstep.bpf.h"

extern const int no_such_variable __ksym;
extern const void no_such_symbol __ksym;
extern const int no_such_weak_variable __ksym __weak;

char LICENSE[] SEC("license") = "Dual MIT/GPL";
__u64 out;

LOOP_STEP(typed)
{
	out = no_such_variable;
	return IOU_LOOP_STOP;
}
LOOP_OPS(typed);

LOOP_STEP(untyped)
{
	out = (__u64)&no_such_symbol;
	return IOU_LOOP_STOP;
}
LOOP_OPS(untyped);

LOOP_STEP(weak)
{
	out = &no_such_weak_variable ? 2 : 1;
	return IOU_LOOP_STOP;
}
LOOP_OPS(weak);
