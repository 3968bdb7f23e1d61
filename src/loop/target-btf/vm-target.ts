// The BTF that `user` and `sim` publish as the system a program is resolved against: of Linux 7.2, what these engines have.
// What is not here a program can ask after and do without (weak kfuncs, CO-RE), or it cannot run on them.

import { GrowingBtf, type Btf } from "../../bpf/btf/index.ts";
import { KFUNCS as VM_KFUNCS } from "../../bpf/vm/index.ts";
import { KFUNC_SIGNATURES, task_struct } from "../calls/index.ts";
import { DeclaredTypes, rowOf } from "./declared-types.ts";
import { LINUX } from "./linux-target.ts";

/** Structs that these engines have as they are. The task has no more than its ids; maps are not the kernel's. */
const STRUCTS: readonly string[] = [
  "iou_ctx",
  "iou_loop_params",
  "io_uring_bpf_ops",
  "bpf_struct_ops_common_value",
  "bpf_struct_ops_io_uring_bpf_ops",
  "refcount_struct",
  "io_uring_sqe",
  "io_uring_cqe",
  "__kernel_timespec",
  "bpf_iter_num",
  "bpf_dynptr",
  "bpf_spin_lock",
  "bpf_res_spin_lock",
];

let made: Btf | undefined;

/** See the head of the file; one for all. */
export function vmTargetBtf(): Btf {
  made ??= new GrowingBtf(
    new DeclaredTypes({
      ...LINUX,
      functions: "",
      only: new Set([...VM_KFUNCS.keys(), ...Object.keys(KFUNC_SIGNATURES)]),
      structs: {
        ...Object.fromEntries(STRUCTS.map((name) => [name, LINUX.structs[name]])),
        task_struct: () => rowOf(task_struct),
      },
      variables: {},
    }),
  );
  return made;
}
