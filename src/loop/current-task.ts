// The current task as programs of `user` and `sim` may read it: the few fields that mean something outside the kernel, under
// the kernel's names, so that CO-RE finds them (struct task_struct, include/linux/sched.h).

import { layout, setField, type Layout } from "../base/index.ts";

export const task_struct: Layout<"pid" | "tgid"> = layout("task_struct", 8, { pid: [0, "s32"], tgid: [4, "s32"] });

/** Helpers that give out the task's address: bpf_get_current_task and bpf_get_current_task_btf. */
export const CURRENT_TASK_HELPERS: readonly (readonly [id: number, name: string])[] = [
  [35, "bpf_get_current_task"],
  [158, "bpf_get_current_task_btf"],
];

/** Writes the task at `address` of `view`. */
export function writeTask(view: DataView, address: number, pid: number, tgid: number): void {
  setField(task_struct, view, address, "pid", pid);
  setField(task_struct, view, address, "tgid", tgid);
}
