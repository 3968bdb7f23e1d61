// The current task as programs of `user` and `sim` may read it: the few fields that mean something outside the kernel, where
// Linux 7.2.13 has them (struct task_struct, include/linux/sched.h). The rest of it is empty, and their BTF does not name it.

import { layout, setField, type Layout } from "../../base/index.ts";
import type { Callee, VmMemory } from "../../bpf/vm/index.ts";

export const task_struct: Layout<"pid" | "tgid"> = layout("task_struct", 6080, {
  pid: [2808, "s32"],
  tgid: [2812, "s32"],
});

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
