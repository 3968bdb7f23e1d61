// What the verifier is told of loop_step programs: the descriptor of io_uring_bpf_ops and its two kfuncs (registered by
// io_uring/bpf-ops.c at v7.2).

import { KF_RET_NULL, KF_SLEEPABLE, structOpsType, type ProgramType } from "../bpf/verifier/index.ts";
import { ioUringBpfOps } from "./io-uring-bpf-ops.ts";

/** The program type of `io_uring_bpf_ops.loop_step`. */
export const LOOP_STEP_TYPE: ProgramType = structOpsType({
  struct: "io_uring_bpf_ops",
  member: "loop_step",
  ops: ioUringBpfOps.verifier_ops,
  kfuncs: [
    { name: "bpf_io_uring_get_region", flags: KF_RET_NULL },
    { name: "bpf_io_uring_submit_sqes", flags: KF_SLEEPABLE },
  ],
});
