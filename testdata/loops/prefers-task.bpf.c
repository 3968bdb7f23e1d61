/* SPDX-License-Identifier: MIT */
/* Does without kfuncs and fields that are not there: `way` says which were (1 the kfunc, 2 the field). */
#include "loopstep.bpf.h"
char LICENSE[] SEC("license") = "Dual MIT/GPL";
struct task_struct {
	int pid;
	char comm[16];
} __attribute__((preserve_access_index));
extern struct task_struct *bpf_task_from_pid(__s32 pid) __weak __ksym;
extern void bpf_task_release(struct task_struct *p) __weak __ksym;
static struct task_struct *(*bpf_get_current_task_btf)(void) = (void *)158;
int way, first;
LOOP_STEP(prefers)
{
	struct task_struct *current = bpf_get_current_task_btf();

	if (bpf_task_from_pid && bpf_task_release) {
		struct task_struct *task = bpf_task_from_pid(1);

		way |= 1;
		if (task)
			bpf_task_release(task);
	}
	if (__builtin_preserve_field_info(current->comm, 2)) {
		way |= 2;
		first = current->comm[0];
	}
	return IOU_LOOP_STOP;
}
LOOP_OPS(prefers);
