// Running task work: of a DEFER_TASKRUN ring, at most so many at a time, and of the task (io_uring/tw.c at v7.2).

import { completeDefer, completeFailedLinks, deferFailed, flushCompletions, flushIfNeeded } from "./completion.ts";
import { pollTask, queueWorker, taskSubmit } from "./issue.ts";
import {
  WORK_CALL,
  WORK_COMPLETE,
  WORK_FAIL,
  WORK_FAIL_LINKS,
  WORK_IOWQ,
  WORK_POLL,
  WORK_SUBMIT,
  type Machine,
  type Request,
  type Ring,
} from "./state.ts";
import { clearTaskrun, localWorkPending, setTaskrun } from "./task-queue.ts";

/** IO_LOCAL_TW_DEFAULT_MAX. */
export const LOCAL_WORK_MAX = 20;

function runOne(ring: Ring, req: Request): void {
  switch (req.workKind) {
    case WORK_COMPLETE:
      completeDefer(ring, req);
      break;
    case WORK_SUBMIT:
      taskSubmit(ring, req);
      break;
    case WORK_POLL:
      pollTask(ring, req);
      break;
    case WORK_FAIL:
      deferFailed(ring, req, req.res);
      break;
    case WORK_FAIL_LINKS:
      completeFailedLinks(ring, req);
      break;
    case WORK_IOWQ:
      queueWorker(ring, req);
      break;
    case WORK_CALL:
      req.work!(ring, req);
      break;
  }
}

function goOn(ring: Ring, done: number, min: number): boolean {
  if (!localWorkPending(ring)) return false;
  if (done < min) return true;
  setTaskrun(ring);
  return false;
}

/** Runs the ring's own task work: at most `max` of what is there, again while fewer than `min` were done. */
export function runLocalWork(ring: Ring, min: number, max: number): number {
  clearTaskrun(ring);
  let done = 0;
  let wanted = min;
  for (;;) {
    wanted -= done;
    done = 0;
    while (ring.retryWork.length > ring.retryHead && done < max) {
      runOne(ring, ring.retryWork[ring.retryHead++]);
      done++;
    }
    if (ring.retryWork.length === ring.retryHead) {
      ring.retryWork.length = 0;
      ring.retryHead = 0;
      // What is queued meanwhile comes in the next round.
      const batch = ring.localWork;
      const end = batch.length;
      let next = ring.localHead;
      if (next < end) {
        ring.localWork = ring.spareWork;
        ring.localHead = 0;
        while (next < end && done < max) {
          runOne(ring, batch[next++]);
          done++;
        }
        if (next < end) ring.retryWork = batch.slice(next);
        batch.length = 0;
        ring.spareWork = batch;
      }
      if (goOn(ring, done, wanted)) continue;
    }
    flushIfNeeded(ring);
    if (!goOn(ring, done, wanted)) return done;
  }
}

/** As runLocalWork with the usual maximum, when there is any (io_run_local_work_locked). */
export function runLocalWorkLocked(ring: Ring, min: number): number {
  return localWorkPending(ring) ? runLocalWork(ring, min, Math.max(LOCAL_WORK_MAX, min)) : 0;
}

/** Runs the task's own list until it is empty; how many. */
export function runTaskWork(machine: Machine): number {
  let count = 0;
  while (machine.taskWork.length > machine.taskHead) {
    const batch = machine.taskWork;
    machine.taskWork = [];
    machine.taskHead = 0;
    let ring: Ring | null = null;
    for (const req of batch) {
      if (req.ring !== ring) {
        if (ring !== null) {
          clearTaskrun(ring);
          flushCompletions(ring);
        }
        ring = req.ring;
      }
      runOne(ring, req);
      count++;
    }
    if (ring !== null) {
      clearTaskrun(ring);
      flushCompletions(ring);
    }
  }
  return count;
}
