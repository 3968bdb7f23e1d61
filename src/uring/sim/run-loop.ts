// The loop of a ring with a loop_step (io_uring/loop.c and bpf-ops.c at v7.2): step, wait, task work, signal, local work,
// overflow; and what a step may call: submitting SQEs and finding the regions. Knows nothing of BPF.

import { EBUSY, EFAULT, EINTR, EINVAL, EOPNOTSUPP } from "../../base/index.ts";
import { IORING_SETUP, IOU_LOOP, IOU_REGION } from "../abi/index.ts";
import { CQ_HEAD, CQ_TAIL, flushOverflow, ringWord, SQ_HEAD, SQ_TAIL } from "./completion.ts";
import { SimError } from "./errors.ts";
import { SIM_PAGE } from "./memory.ts";
import { sleep } from "./sleep.ts";
import type { LoopParams, LoopStep, Ring } from "./state.ts";
import { localWorkPending, taskWorkPending } from "./task-queue.ts";
import { runLocalWorkLocked, runTaskWork } from "./task-work.ts";

const { IORING_SETUP_DEFER_TASKRUN, IORING_SETUP_IOPOLL, IORING_SETUP_SQPOLL } = IORING_SETUP;

/** Installs a loop; 0, -EOPNOTSUPP (not DEFER_TASKRUN, or polled) or -EBUSY (there is one). */
export function attachLoop(ring: Ring, step: LoopStep): number {
  if ((ring.flags & (IORING_SETUP_SQPOLL | IORING_SETUP_IOPOLL)) !== 0) return -EOPNOTSUPP;
  if ((ring.flags & IORING_SETUP_DEFER_TASKRUN) === 0) return -EOPNOTSUPP;
  if (ring.loopStep !== null) return -EBUSY;
  ring.loopStep = step;
  return 0;
}

/** Takes the loop away. A loop that sleeps is not woken; its next iteration returns -EFAULT. */
export function detachLoop(ring: Ring): void {
  ring.loopStep = null;
}

/** Limits of a run, beyond the kernel's: the loop itself has none. */
export interface LoopLimits {
  /** Throws SimError SIM_STEPS after so many steps. */
  readonly maxSteps?: number;
}

/** One run of a loop (io_run_loop()), which can be left and taken up again between two steps. */
export class LoopRun {
  readonly ring: Ring;
  /** Calls of loop_step so far. */
  steps = 0;
  /** What io_uring_enter returned, once it did. */
  result: number | undefined;
  readonly #params: LoopParams = { cq_wait_idx: 0 };
  readonly #onEnd: (result: number) => void;

  constructor(ring: Ring, onEnd: (result: number) => void) {
    this.ring = ring;
    this.#onEnd = onEnd;
  }

  /**
   * Goes on for at most `steps` steps: the result, or undefined when the loop has not ended. What a step throws ends the
   * run with -EFAULT and passes through; so does SimError SIM_HANG, with -EINTR.
   */
  advance(steps: number): number | undefined {
    const last = this.steps + steps;
    try {
      while (this.result === undefined && this.steps < last) this.#iterate();
    } catch (error) {
      this.end(error instanceof SimError ? -EINTR : -EFAULT);
      throw error;
    }
    return this.result;
  }

  /** Ends the run from outside, as a signal would. */
  end(result: number = -EINTR): void {
    if (this.result !== undefined) return;
    this.result = result;
    this.#onEnd(result);
  }

  #iterate(): void {
    const { ring } = this;
    const { machine } = ring;
    const params = this.#params;
    if (ring.loopStep === null) return this.end(-EFAULT);
    machine.clock.advance(machine.costs.step);
    this.steps++;
    const res = machine.trace === null ? ring.loopStep(ring, params) : tracedStep(ring, params, this.steps);
    if (res === IOU_LOOP.IOU_LOOP_STOP) return this.end(0);
    if (res !== IOU_LOOP.IOU_LOOP_CONTINUE) return this.end(-EINVAL);
    const difference = (params.cq_wait_idx - ringWord(ring, CQ_TAIL)) | 0;
    const nrWait = difference > 0 ? difference : 0;
    if (nrWait > 0) loopWait(ring, nrWait, params.cq_wait_idx);
    if (taskWorkPending(machine)) runTaskWork(machine);
    if (machine.signalPending) return this.end(-EINTR);
    runLocalWorkLocked(ring, nrWait);
    if (ring.overflowPending) flushOverflow(ring);
  }
}

function tracedStep(ring: Ring, params: LoopParams, n: number): number {
  const { machine } = ring;
  const word = (index: number): number => ringWord(ring, index) >>> 0;
  const rewinds = (ring.flags & IORING_SETUP.IORING_SETUP_SQ_REWIND) !== 0;
  const [wait_idx_before, cq_head, cq_tail] = [params.cq_wait_idx >>> 0, word(CQ_HEAD), word(CQ_TAIL)];
  const [sq_head, sq_tail] = rewinds ? [0, 0] : [word(SQ_HEAD), word(SQ_TAIL)];
  const res = ring.loopStep!(ring, params);
  const wait_idx = params.cq_wait_idx >>> 0;
  const found = { wait_idx_before, cq_head, cq_tail, sq_head, sq_tail };
  machine.trace!({ t: machine.clock.now, ring: ring.number, ev: "step", n, res, wait_idx, ...found });
  return res;
}

function loopWait(ring: Ring, nrWait: number, index: number): void {
  const { machine } = ring;
  if (localWorkPending(ring) || taskWorkPending(machine) || machine.signalPending) return;
  if (ring.overflowPending || ring.dropped) return;
  if (((ringWord(ring, CQ_TAIL) - index) | 0) >= 0) return;
  sleep(machine, { ring, waitNr: nrWait, tail: undefined, timeouts: 0 }, Infinity);
}

/** bpf_io_uring_get_region: the memory offset of a region, or -1 for NULL. */
export function getRegion(ring: Ring, id: number, size: number): number {
  const region =
    id === IOU_REGION.IOU_REGION_MEM
      ? ring.memRegion
      : id === IOU_REGION.IOU_REGION_CQ
        ? ring.rings
        : id === IOU_REGION.IOU_REGION_SQ
          ? ring.sqes
          : null;
  if (region === null) return -1;
  return size > Math.ceil(region.size / SIM_PAGE) * SIM_PAGE ? -1 : region.at;
}
