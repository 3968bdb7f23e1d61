/* SPDX-License-Identifier: MIT */
/* Calls kfuncs that Linux 7.2 has and the engines user and sim do not run. */
#include "loopstep.bpf.h"
char LICENSE[] SEC("license") = "Dual MIT/GPL";
struct task_struct {
	int pid;
} __attribute__((preserve_access_index));
extern struct task_struct *bpf_task_from_pid(__s32 pid) __ksym;
extern void bpf_task_release(struct task_struct *p) __ksym;
int found;
LOOP_STEP(finds)
{
	struct task_struct *task = bpf_task_from_pid(1);

	if (task) {
		found = task->pid;
		bpf_task_release(task);
	}
	return IOU_LOOP_STOP;
}
LOOP_OPS(finds);
