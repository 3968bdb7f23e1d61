// Errors of attaching and running a loop. Each carries the errno Linux gives in the same situation.

import { LoopstepError, type ErrorFacts } from "../base/index.ts";

export type AttachErrorCode =
  | "ATTACH_EOPNOTSUPP"
  | "ATTACH_EBUSY"
  | "ATTACH_EBADF"
  | "ATTACH_EINVAL"
  | "ATTACH_NO_LOOP_STEP"
  | "ATTACH_WHICH_OPS"
  | "ATTACH_UNKNOWN_OPS"
  | "ATTACH_FOREIGN_RING"
  | "ATTACH_SYSTEM";

/** Attaching was refused (section 2.1 of the kernel's rules: bpf_io_reg in io_uring/bpf-ops.c). */
export class AttachError extends LoopstepError<AttachErrorCode> {
  /** Negative errno as BPF_LINK_CREATE returns it; 0 when the kernel was never asked. */
  readonly errno: number;

  constructor(code: AttachErrorCode, errno: number, facts: ErrorFacts) {
    super(code, facts);
    this.errno = errno;
  }
}

export type LoopErrorCode =
  | "LOOP_EINVAL"
  | "LOOP_EFAULT"
  | "LOOP_EINTR"
  | "LOOP_EEXIST"
  | "LOOP_EBADFD"
  | "LOOP_TIMEOUT"
  | "LOOP_STEPS"
  | "LOOP_NOT_ATTACHED"
  | "LOOP_ENTER"
  | "LOOP_BUSY"
  | "LOOP_CLOSED";

/** A run ended otherwise than by IOU_LOOP_STOP. */
export class LoopError extends LoopstepError<LoopErrorCode> {
  /** Negative errno as io_uring_enter returns it. */
  readonly errno: number;
  /** Calls of loop_step before the end; undefined where the engine cannot count them. */
  readonly step: number | undefined;

  constructor(code: LoopErrorCode, errno: number, step: number | undefined, facts: ErrorFacts) {
    super(code, facts);
    this.errno = errno;
    this.step = step;
  }
}

/** The engine cannot be had on this machine, or lacks what was asked for. */
export class UnsupportedError extends LoopstepError<
  "ENGINE_UNAVAILABLE" | "FLAG_UNSUPPORTED" | "FEATURE_UNSUPPORTED"
> {}
