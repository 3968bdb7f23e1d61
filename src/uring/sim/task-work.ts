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
import { clearTaskrun, localWorkPending, setTaskrun, taskWorkPending } from "./task-queue.ts";

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

/** Runs the ring's own task work: at most `max` at a time, again while fewer than `min` were done (__io_run_local_work). */
export function runLocalWork(ring: Ring, min: number, max: number): number {
  clearTaskrun(ring);
  let done = 0;
  let wanted = min;
  for (;;) {
    wanted -= done;
    // what is queued meanwhile comes in the same round
    for (done = 0; done < max && localWorkPending(ring); done++) runOne(ring, ring.localWork.shift());
    if (goOn(ring, done, wanted)) continue;
    flushIfNeeded(ring);
    if (!goOn(ring, done, wanted)) return done;
  }
}

/** As runLocalWork with the usual maximum, when there is any (io_run_local_work_locked). */
export function runLocalWorkLocked(ring: Ring, min: number): number {
  return localWorkPending(ring) ? runLocalWork(ring, min, Math.max(LOCAL_WORK_MAX, min)) : 0;
}

/** One round of the task's own list: until what it took last was the only one there (tctx_task_work_run). */
function runTaskRound(machine: Machine): number {
  let count = 0;
  let ring: Ring | null = null;
  const flush = (): void => {
    if (ring === null) return;
    clearTaskrun(ring);
    flushCompletions(ring);
  };
  for (let last = false; !last; count++) {
    const req = machine.taskWork.shift();
    last = machine.taskWork.length === 0;
    if (req.ring !== ring) {
      flush();
      ({ ring } = req);
    }
    runOne(ring, req);
  }
  flush();
  return count;
}

/** Runs the task's own list until it is empty; how many. */
export function runTaskWork(machine: Machine): number {
  let count = 0;
  while (taskWorkPending(machine)) count += runTaskRound(machine);
  return count;
}
