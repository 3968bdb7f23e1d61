// Finding and cancelling requests: those that wait for a file, a futex or a timer; those a worker has (io_uring/cancel.c,
// poll.c, futex.c and timeout.c at v7.2). A worker's request is always taken for running, so it answers -EALREADY.

import { EALREADY, ECANCELED, ENOENT } from "../../base/index.ts";
import { IORING_ASYNC_CANCEL } from "../abi/index.ts";
import { findArmed, findArmedBy } from "./armed.ts";
import { queueTaskComplete, queueTaskFail, removeFrom } from "./completion.ts";
import { pollCancel } from "./issue.ts";
import { REQ_F, type OpenFile, type Request, type Ring } from "./state.ts";

const {
  IORING_ASYNC_CANCEL_ALL,
  IORING_ASYNC_CANCEL_ANY,
  IORING_ASYNC_CANCEL_FD,
  IORING_ASYNC_CANCEL_OP,
  IORING_ASYNC_CANCEL_USERDATA,
} = IORING_ASYNC_CANCEL;
/** Not by user_data alone. */
const BY_OTHER = IORING_ASYNC_CANCEL_FD | IORING_ASYNC_CANCEL_OP | IORING_ASYNC_CANCEL_ANY;
const MANY = IORING_ASYNC_CANCEL_ALL | IORING_ASYNC_CANCEL_ANY;

/** What to cancel (struct io_cancel_data). */
export interface CancelData {
  readonly low: number;
  readonly high: number;
  readonly flags: number;
  readonly file: OpenFile | null;
  readonly opcode: number;
  /** Number of the cancellation: a request is found once by each. */
  readonly seq: number;
}

function matches(req: Request, cancel: CancelData): boolean {
  const { flags } = cancel;
  if ((flags & IORING_ASYNC_CANCEL_ANY) === 0) {
    const byUserData =
      (flags & IORING_ASYNC_CANCEL_USERDATA) !== 0 || (flags & (IORING_ASYNC_CANCEL_FD | IORING_ASYNC_CANCEL_OP)) === 0;
    if ((flags & IORING_ASYNC_CANCEL_FD) !== 0 && req.file !== cancel.file) return false;
    if ((flags & IORING_ASYNC_CANCEL_OP) !== 0 && req.opcode !== cancel.opcode) return false;
    if (byUserData && (req.userLow !== cancel.low || req.userHigh !== cancel.high)) return false;
  }
  if ((flags & MANY) !== 0) {
    if (req.cancelSeq === cancel.seq) return false;
    req.cancelSeq = cancel.seq;
  }
  return true;
}

function cancelWorkers(ring: Ring, cancel: CancelData): number {
  if (ring.running !== null && matches(ring.running, cancel)) return -EALREADY;
  for (const req of ring.workers) if (matches(req, cancel)) return -EALREADY;
  // what blocks in a worker is interrupted, which is not yet cancelled
  const blocked = findArmed(ring, (req) => (req.flags & REQ_F.WORKER_BLOCKED) !== 0 && matches(req, cancel));
  if (blocked === null) return -ENOENT;
  pollCancel(blocked);
  return -EALREADY;
}

function cancelPolls(ring: Ring, cancel: CancelData): number {
  const isWanted = (req: Request): boolean => (req.flags & REQ_F.WORKER_BLOCKED) === 0 && matches(req, cancel);
  const found =
    (cancel.flags & BY_OTHER) !== 0 ? findArmed(ring, isWanted) : findArmedBy(ring, cancel.low, cancel.high, isWanted);
  if (found === null) return -ENOENT;
  pollCancel(found);
  return 0;
}

function cancelFutexes(ring: Ring, cancel: CancelData): number {
  if ((cancel.flags & IORING_ASYNC_CANCEL_FD) !== 0) return -ENOENT;
  let count = 0;
  for (const req of [...ring.futexes].reverse()) {
    if (!matches(req, cancel)) continue;
    if (unqueueFutex(req)) {
      queueTaskComplete(ring, req, -ECANCELED);
      count++;
    }
    if ((cancel.flags & IORING_ASYNC_CANCEL_ALL) === 0) break;
  }
  return count > 0 ? count : -ENOENT;
}

/** Takes a waiting request off its futex; false when it was woken already. */
export function unqueueFutex(req: Request): boolean {
  const { ring } = req;
  const { futexes } = ring.machine;
  const waiters = futexes.get(req.off);
  removeFrom(ring.futexes, req);
  if (waiters === undefined || !removeFrom(waiters, req)) return false;
  if (waiters.length === 0) futexes.delete(req.off);
  return true;
}

/** Cancels the first armed TIMEOUT that matches; 0, -ENOENT or -EALREADY. */
export function cancelTimeout(ring: Ring, cancel: CancelData): number {
  const req = ring.timeouts.find((other) => matches(other, cancel));
  if (req === undefined) return -ENOENT;
  if (req.timer === null || !ring.machine.clock.stop(req.timer)) return -EALREADY;
  removeFrom(ring.timeouts, req);
  queueTaskFail(ring, req, -ECANCELED);
  return 0;
}

/** Cancels one request (io_try_cancel). That a worker runs it is not told here: see cancelRequests. */
export function tryCancel(ring: Ring, cancel: CancelData): number {
  cancelWorkers(ring, cancel);
  const poll = cancelPolls(ring, cancel);
  if (poll !== -ENOENT) return poll;
  const futex = cancelFutexes(ring, cancel);
  if (futex !== -ENOENT) return futex;
  return (cancel.flags & IORING_ASYNC_CANCEL_FD) === 0 ? cancelTimeout(ring, cancel) : -ENOENT;
}

/** Cancels one, or as many as match: how many, or a negative errno (__io_async_cancel). */
export function cancelRequests(ring: Ring, cancel: CancelData): number {
  const many = (cancel.flags & MANY) !== 0;
  let count = 0;
  for (;;) {
    const ret = tryCancel(ring, cancel);
    if (ret === -ENOENT) break;
    if (!many) return ret;
    count++;
  }
  return many ? count : cancelWorkers(ring, cancel);
}
