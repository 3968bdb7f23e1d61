// The run loop of the `user` engine: io_run_loop of io_uring/loop.c at v7.2, around a real ring and with system calls only
// where the kernel would have slept or had work to do. Per iteration: step; wait once if more completions are asked for
// than are there; run what task work the ring announces (IORING_SQ_TASKRUN), which also flushes an overflown CQ.
//
// One difference stays: a plain wait does not return early for the completions that wake a loop in the kernel at once
// (timeouts, linked requests, those of worker threads). While such requests may be in flight this loop waits for one
// completion at a time, so the step may be called more often than in the kernel, never later.

import { EAGAIN, EFAULT, EINTR, EINVAL, ETIME } from "../../base/index.ts";
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

const { IORING_SQ_CQ_OVERFLOW, IORING_SQ_TASKRUN } = IORING_SQ;
/** Flags of the ring that ask for a system call. */
export const WORK_PENDING: number = IORING_SQ_CQ_OVERFLOW | IORING_SQ_TASKRUN;

/** Where the program finds its arguments, and its steps are counted, in the VM's memory. */
export interface StepArgs {
  /** Address of the u64[2] context. */
  readonly ctx: number;
  /** One word: iou_loop_params.cq_wait_idx. */
  readonly cq_wait_idx: Uint32Array;
  /** Two words: calls of loop_step in this run, 64 bits. Others look on, and it tells the step of a fault. */
  readonly steps: Uint32Array;
}

/** The number in the two words of a step counter. */
export const stepsOf = (steps: Uint32Array): number => steps[0] + steps[1] * 2 ** 32;

/** Steps taken in a row where nothing is waited for, before `control` is looked at again. */
const BURST = 32;

/**
 * Runs the loop until it stops, fails, or `control` says so. A VmFault of the program passes through. `control` is read
 * plainly: what another thread stores is seen soon after, and an atomic load costs as much as a step.
 */
export function drive(
  ring: DrivenRing,
  program: Executable,
  { ctx, cq_wait_idx, steps }: StepArgs,
  control: Int32Array,
  maxSteps: number,
): DriveResult {
  const run = program.repeat ?? runOnce(program, steps);
  steps.fill(0);
  // zeroed once per enter, not per iteration: what the program wrote stays for its later steps
  cq_wait_idx[0] = 0;
  for (;;) {
    const taken = stepsOf(steps);
    if (control[CONTROL.ejected] !== 0) return { result: -EFAULT, steps: taken, ended: "eject" };
    if (taken === maxSteps) return { result: -EINTR, steps: taken, ended: "steps" };

    const verdict = run(ctx, maxSteps < 0 ? BURST : Math.min(BURST, maxSteps - taken));
    if (verdict === IOU_LOOP.IOU_LOOP_STOP) return { result: 0, steps: stepsOf(steps) };
    if (verdict !== IOU_LOOP.IOU_LOOP_CONTINUE) return { result: -EINVAL, steps: stepsOf(steps) };

    const error = waitOnce(ring, cq_wait_idx[0], control);
    const abort = control[CONTROL.abort];
    if (abort !== ABORT.no) return endedBy(abort, stepsOf(steps));
    if (error < 0) return { result: error, steps: stepsOf(steps) };
  }
}

function runOnce(program: Executable, steps: Uint32Array): (ctx: number) => number {
  return (ctx) => {
    steps[0]++;
    if (steps[0] === 0) steps[1]++;
    return program.run(ctx);
  };
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
