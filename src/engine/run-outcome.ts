// What a run's end means: from the numbers a ring's thread gives back to an error in words.

import { errnoName, EBADFD, EINVAL } from "../base/index.ts";
import { LoopError } from "../loop/index.ts";

/** Why a run was ended from outside. */
export type EndedBy = "signal" | "timeout" | "eject" | "steps";

/** The facts of a run that did not stop by itself. */
export interface RunEnd {
  /** Negative errno, as io_uring_enter returns it. */
  readonly result: number;
  readonly ended: EndedBy | undefined;
  readonly steps: number | undefined;
}

/** The error for a run that ended with `result` < 0. */
export function loopError({ result, ended, steps }: RunEnd): LoopError {
  const where = steps === undefined ? undefined : `step ${steps}`;
  switch (ended) {
    case "steps":
      return new LoopError("LOOP_STEPS", result, steps, {
        where,
        message: "the loop did not stop within the steps allowed",
        remedy: "Allow more steps, or look at why it goes on.",
      });
    case "timeout":
      return new LoopError("LOOP_TIMEOUT", result, steps, {
        where,
        message: "the loop did not stop within the time allowed",
        remedy: "Allow more time, or look at what it waits for.",
      });
    case "signal":
      return new LoopError("LOOP_EINTR", result, steps, { where, message: "the loop was interrupted" });
    case "eject":
      return new LoopError("LOOP_EFAULT", result, steps, { where, message: "the loop was detached while it ran" });
    case undefined:
  }
  if (result === -EINVAL) {
    return new LoopError("LOOP_EINVAL", result, steps, {
      where,
      message: "loop_step returned a value that is neither IOU_LOOP_CONTINUE nor IOU_LOOP_STOP",
      expected: "0 or 1",
    });
  }
  if (result === -EBADFD) {
    return new LoopError("LOOP_EBADFD", result, steps, {
      message: "the ring is disabled",
      remedy: "Call ring.enable() first (R_DISABLED).",
    });
  }
  return new LoopError("LOOP_ENTER", result, steps, {
    where,
    message: `io_uring_enter failed with ${errnoName(-result)}`,
  });
}
