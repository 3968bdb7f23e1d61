// The current task as programs of `user` and `sim` may read it: the few fields that mean something outside the kernel, under
// the kernel's names, so that CO-RE finds them (struct task_struct, include/linux/sched.h).

import { layout, setField, type Layout } from "../../base/index.ts";
import type { Callee, VmMemory } from "../../bpf/vm/index.ts";

export const task_struct: Layout<"pid" | "tgid"> = layout("task_struct", 8, { pid: [0, "s32"], tgid: [4, "s32"] });

/** The helpers that give out the task's address: bpf_get_current_task and bpf_get_current_task_btf. */
export function currentTaskHelpers(address: number): Record<number, Callee> {
  const helper = (name: string): Callee => ({ name, params: [], result: "i32", call: () => address });
  return { 35: helper("bpf_get_current_task"), 158: helper("bpf_get_current_task_btf") };
}

/** Places a task in `memory`; programs may read it. Its address. */
export function placeTask(memory: VmMemory, pid: number, tgid: number): number {
  const address = memory.allocate("struct task_struct", task_struct.size, { writable: false });
  setField(task_struct, memory.view, address, "pid", pid);
  setField(task_struct, memory.view, address, "tgid", tgid);
  return address;
}
