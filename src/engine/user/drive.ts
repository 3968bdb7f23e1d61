// The run loop of the `user` engine: io_run_loop of io_uring/loop.c at v7.2, around a real ring and with system calls only
// where the kernel would have slept or had work to do. Per iteration: step; wait once if more completions are asked for
// than are there; run what task work the ring announces (IORING_SQ_TASKRUN), which also flushes an overflown CQ.
//
// One difference stays: a plain wait does not return early for the completions that wake a loop in the kernel at once
// (timeouts, linked requests, those of worker threads). While such requests may be in flight this loop waits for one
// completion at a time, so the step may be called more often than in the kernel, never later.

import type { Executable } from "../../bpf/vm/index.ts";
import { IORING_SQ, IOU_LOOP } from "../../uring/abi/index.ts";
import { ABORT, CONTROL } from "../ring-thread.ts";

/** What the loop needs of a ring; all hot. Errors are negative errno. */
export interface DrivenRing {
  /** Tail of the completion queue, from the shared ring memory. */
  cqTail(): number;
  /** IORING_SQ_* flags, from the shared ring memory. */
  sqFlags(): number;
  /** io_uring_enter(fd, 0, minComplete, GETEVENTS), returning at the latest after the ring's wait slice (-ETIME). */
  getEvents(minComplete: number): number;
  /** True while requests may be in flight whose completion wakes a loop in the kernel at once. */
  wakesEarly(): boolean;
}

/** Why a run ended. `result` is what io_uring_enter would return. */
export interface DriveResult {
  readonly result: number;
  readonly steps: number;
  /** Set when the end came from outside or from `maxSteps`. */
  readonly ended?: "signal" | "timeout" | "eject" | "steps";
}

const EINTR = 4;
const EFAULT = 14;
const EINVAL = 22;
const ETIME = 62;
const EAGAIN = 11;

const { IORING_SQ_CQ_OVERFLOW, IORING_SQ_TASKRUN } = IORING_SQ;
const WORK_PENDING = IORING_SQ_CQ_OVERFLOW | IORING_SQ_TASKRUN;

/** Where the program finds its arguments: the address of the u64[2] context, and cq_wait_idx as it lies in memory. */
export interface StepArgs {
  readonly ctx: number;
  /** One word: iou_loop_params.cq_wait_idx. */
  readonly cq_wait_idx: Uint32Array;
}

/**
 * Runs the loop until it stops, fails, or `control` says so. A VmFault of the program passes through. `control` is read
 * plainly in each iteration: what another thread stores is seen at the next one or soon after, and an atomic load costs as
 * much as a step.
 */
export function drive(
  ring: DrivenRing,
  program: Executable,
  args: StepArgs,
  control: Int32Array,
  maxSteps: number,
): DriveResult {
  const { ctx, cq_wait_idx } = args;
  let steps = 0;
  // zeroed once per enter, not per iteration: what the program wrote stays for its later steps
  cq_wait_idx[0] = 0;
  for (;;) {
    if (control[CONTROL.ejected] !== 0) return { result: -EFAULT, steps, ended: "eject" };
    if (steps === maxSteps) return { result: -EINTR, steps, ended: "steps" };
    // plainly stored, for whoever looks on and for faults: the order does not matter
    control[CONTROL.steps] = ++steps;
    const verdict = program.run(ctx);
    if (verdict === IOU_LOOP.IOU_LOOP_STOP) return { result: 0, steps };
    if (verdict !== IOU_LOOP.IOU_LOOP_CONTINUE) return { result: -EINVAL, steps };

    const error = waitOnce(ring, cq_wait_idx[0]!, control);
    const abort = control[CONTROL.abort]!;
    if (abort !== ABORT.no) return endedBy(abort, steps);
    if (error < 0) return { result: error, steps };
  }
}

/** Steps c to g of one iteration. 0, or a negative errno that ends the run. */
function waitOnce(ring: DrivenRing, target: number, control: Int32Array): number {
  const before = ring.cqTail();
  const missing = (target - before) | 0;
  if (missing <= 0 || ring.sqFlags() & IORING_SQ_CQ_OVERFLOW) {
    // nothing to wait for; while an overflow is pending the kernel does not sleep either
    return ring.sqFlags() & WORK_PENDING ? settle(ring.getEvents(0)) : 0;
  }
  const least = missing > 1 && ring.wakesEarly() ? 1 : missing;
  for (;;) {
    const error = ring.getEvents(least);
    if (error !== -ETIME) return settle(error);
    // a slice of the wait is over: go on unless enough is there or the run is to end
    const arrived = missing - ((target - ring.cqTail()) | 0);
    if (arrived >= least || Atomics.load(control, CONTROL.abort) !== ABORT.no) return 0;
  }
}

/** -EINTR here is a signal of the process that is none of the loop's; -EAGAIN passes with the next iteration. */
const settle = (result: number): number => (result >= 0 || result === -EINTR || result === -EAGAIN ? 0 : result);

const endedBy = (abort: number, steps: number): DriveResult => ({
  result: -EINTR,
  steps,
  ended: abort === ABORT.timeout ? "timeout" : "signal",
});
