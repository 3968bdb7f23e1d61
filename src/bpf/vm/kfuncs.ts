// The kfuncs that belong to BPF itself and are there in every program: open-coded number iterators (kernel/bpf/bpf_iter.c
// at v7.2), dynptrs, and the markers for RCU, preemption and interrupts, which have nothing to do here. Kfuncs of a program type
// come from the host.

import { E2BIG, EINVAL } from "../../base/index.ts";
import { DYNPTR_KFUNCS } from "./dynptr.ts";
import { BPF_MAX_LOOPS } from "./helpers.ts";
import type { HostFunction, VmHost } from "./host.ts";

// struct bpf_iter_num, seen from inside: s32 cur, s32 end.
const ITER_NUM_SIZE = 8;

function set(host: VmHost, iterator: number, cur: number, end: number): void {
  host.memory.view.setInt32(iterator, cur, true);
  host.memory.view.setInt32(iterator + 4, end, true);
}

function iterNumNew(host: VmHost, iterator: number, start: number, end: number): number {
  host.check(iterator, ITER_NUM_SIZE, true);
  set(host, iterator, 0, 0);
  if (start > end) return -EINVAL;
  if (end - start > BPF_MAX_LOOPS) return -E2BIG;
  // One before the first: next() advances and then shows the value.
  set(host, iterator, (start - 1) | 0, end);
  return 0;
}

function iterNumNext(host: VmHost, iterator: number): number {
  host.check(iterator, ITER_NUM_SIZE, true);
  const { view } = host.memory;
  const cur = (view.getInt32(iterator, true) + 1) | 0;
  if (cur >= view.getInt32(iterator + 4, true)) {
    set(host, iterator, 0, 0);
    return 0;
  }
  view.setInt32(iterator, cur, true);
  return iterator;
}

function iterNumDestroy(host: VmHost, iterator: number): void {
  host.check(iterator, ITER_NUM_SIZE, true);
  set(host, iterator, 0, 0);
}

const marker = (name: string, ...params: HostFunction["params"]): HostFunction => ({
  name,
  params,
  result: "void",
  call: () => {},
});

const FUNCTIONS: readonly HostFunction[] = [
  { name: "bpf_iter_num_new", params: ["ptr", "i32", "i32"], result: "i32", call: iterNumNew },
  { name: "bpf_iter_num_next", params: ["ptr"], result: "u32", call: iterNumNext },
  { name: "bpf_iter_num_destroy", params: ["ptr"], result: "void", call: iterNumDestroy },
  marker("bpf_rcu_read_lock"),
  marker("bpf_rcu_read_unlock"),
  marker("bpf_preempt_disable"),
  marker("bpf_preempt_enable"),
  marker("bpf_local_irq_save", "ptr"),
  marker("bpf_local_irq_restore", "ptr"),
  // nothing to wait for, see bpf_spin_lock
  { name: "bpf_res_spin_lock", params: ["ptr"], result: "i32", call: () => 0 },
  marker("bpf_res_spin_unlock", "ptr"),
  ...DYNPTR_KFUNCS,
];

/** The VM's own kfuncs by name. */
export const KFUNCS: ReadonlyMap<string, HostFunction> = new Map(FUNCTIONS.map((func) => [func.name, func]));
