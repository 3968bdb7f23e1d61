/* SPDX-License-Identifier: MIT */
/* Reads a field of the task that the engines user and sim do not have. */
#include "loopstep.bpf.h"
char LICENSE[] SEC("license") = "Dual MIT/GPL";
struct task_struct {
	char comm[16];
} __attribute__((preserve_access_index));
static struct task_struct *(*bpf_get_current_task_btf)(void) = (void *)158;
int first;
LOOP_STEP(reads)
{
	first = bpf_get_current_task_btf()->comm[0];
	return IOU_LOOP_STOP;
}
LOOP_OPS(reads);
