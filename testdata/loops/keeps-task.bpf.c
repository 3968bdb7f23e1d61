/* SPDX-License-Identifier: MIT */
/* Gives a task back on no path: Linux refuses it, and would before it says what an engine lacks. */
#include "loopstep.bpf.h"
char LICENSE[] SEC("license") = "Dual MIT/GPL";
struct task_struct {
	int pid;
} __attribute__((preserve_access_index));
extern struct task_struct *bpf_task_from_pid(__s32 pid) __ksym;
int found;
LOOP_STEP(keeps)
{
	found = bpf_task_from_pid(1) != 0;
	return IOU_LOOP_STOP;
}
LOOP_OPS(keeps);
