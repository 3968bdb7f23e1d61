// Issuing a request: at once without blocking, else when its file has become ready (poll), else by an io-wq worker. With
// the poll machinery behind it, which POLL_ADD uses too. Follows io_uring/io_uring.c and poll.c at v7.2.

import { EAGAIN, EBADF, EBADFD, ECANCELED, EINVAL } from "../../base/index.ts";
import { IORING_CQE_F, IORING_OP, POLL } from "../abi/index.ts";
import { arm, disarm } from "./armed.ts";
import {
  completeDefer,
  completeFromWorker,
  deferFailed,
  drainRequest,
  postMultishot,
  queueTaskFail,
  queueTaskSubmit,
  setFail,
} from "./completion.ts";
import { fixedFile, requestFile } from "./fd-table.ts";
import { recycleBuffer } from "./kbuf.ts";
import { startLinkedTimeout } from "./link-timeout.ts";
import { Timer } from "./clock.ts";
import {
  IOU_COMPLETE,
  IOU_ISSUE_SKIP_COMPLETE,
  IOU_REQUEUE,
  IOU_STOP_MULTISHOT,
  ISSUE_IOWQ,
  ISSUE_MULTISHOT,
  ISSUE_NONBLOCK,
  POLL_ASYNC,
  POLL_NONE,
  POLL_PURE,
  REQ_F,
  WORK_SUBMIT,
  type PollKind,
  type Request,
  type Ring,
} from "./state.ts";
import { addTaskWork } from "./task-queue.ts";
import { pollExecute, takePoll } from "./wake.ts";

const { POLLIN, POLLOUT, POLLPRI, POLLERR, POLLHUP, POLLNVAL, POLLRDHUP, POLLRDNORM, POLLWRNORM } = POLL;
const { EPOLLET, EPOLLEXCLUSIVE, EPOLLONESHOT } = POLL;
const ALWAYS = POLLERR | POLLHUP | POLLNVAL | POLLRDHUP;
const EDGE_ONESHOT = (EPOLLET | EPOLLONESHOT) >>> 0;
const { IORING_OP_POLL_ADD, IORING_OP_READ, IORING_OP_READV } = IORING_OP;

/** APOLL_MAX_RETRY. */
const POLL_RETRIES = 128;

type Armed = "armed" | "ready" | "aborted";

/** The request's file, looked up when it is first issued. */
function assignFile(ring: Ring, req: Request): boolean {
  if (req.file !== null || !req.op.needsFile) return true;
  req.file = (req.flags & REQ_F.FIXED_FILE) !== 0 ? fixedFile(ring, req.fd) : requestFile(ring.machine, req.fd);
  if (req.file === null) return false;
  req.file.refs++;
  return true;
}

function callIssue(ring: Ring, req: Request, issueFlags: number): number {
  let guard: Request | null = null;
  if ((req.flags & REQ_F.ARM_LTIMEOUT) !== 0) {
    req.flags = (req.flags & ~REQ_F.ARM_LTIMEOUT) | REQ_F.LINK_TIMEOUT;
    guard = req.link;
  }
  const ret = req.op.issue(ring, req, issueFlags);
  if (guard !== null) startLinkedTimeout(ring, guard);
  return ret;
}

/** Issues once; 0, or the negative errno that the caller must deal with. */
function issueRequest(ring: Ring, req: Request, issueFlags: number): number {
  if (req.file === null && req.op.needsFile && !assignFile(ring, req)) return -EBADF;
  const ret = callIssue(ring, req, issueFlags);
  if (ret === IOU_COMPLETE) {
    if ((issueFlags & ISSUE_IOWQ) === 0) completeDefer(ring, req);
    else workerCompletes(ring, req);
    return 0;
  }
  return ret === IOU_ISSUE_SKIP_COMPLETE ? 0 : ret;
}

/** Issues a request without blocking, and finds another way when it would (io_queue_sqe). */
export function queueRequest(ring: Ring, req: Request): void {
  if (ring.machine.faults !== null && (req.flags & REQ_F.FAULTED) === 0 && applyFault(ring, req)) return;
  const ret = issueRequest(ring, req, ISSUE_NONBLOCK);
  if (ret !== 0) queueAsync(ring, req, ret);
}

function queueAsync(ring: Ring, req: Request, ret: number): void {
  if (ret !== -EAGAIN || (req.flags & REQ_F.NOWAIT) !== 0) {
    deferFailed(ring, req, ret);
    return;
  }
  // Such a file would be found ready and try again in vain until it is handed over: here at once.
  if (req.op.pollout && req.file?.writeAlwaysAsync === true) {
    queueWorker(ring, req);
    return;
  }
  switch (armPoll(ring, req)) {
    case "ready":
      queueTaskSubmit(ring, req);
      break;
    case "aborted":
      queueWorker(ring, req);
      break;
    case "armed":
      break;
  }
}

/** Issues a chain's head that cannot be issued at once: failed, drained, or IOSQE_ASYNC (io_queue_sqe_fallback). */
export function queueFallback(ring: Ring, req: Request): void {
  if ((req.flags & REQ_F.FAIL) !== 0) {
    req.flags = (req.flags & ~REQ_F.HARDLINK) | REQ_F.LINK;
    const { res } = req;
    deferFailed(ring, req, res);
  } else if (ring.drainActive) drainRequest(ring, req);
  else queueWorker(ring, req);
}

/** Task work WORK_SUBMIT. */
export function taskSubmit(ring: Ring, req: Request): void {
  if ((req.flags & REQ_F.FORCE_ASYNC) !== 0) queueWorker(ring, req);
  else queueRequest(ring, req);
}

/** What the fault plan wants of this request; true when it took the request over. */
function applyFault(ring: Ring, req: Request): boolean {
  req.flags |= REQ_F.FAULTED;
  const { machine } = ring;
  const decision = machine.faults!.decide(req.op.name, req.serial);
  if (decision === null) return false;
  if (decision.errno !== 0) {
    deferFailed(ring, req, -decision.errno);
    return true;
  }
  if (decision.limit > 0) req.limit = decision.limit;
  if (decision.delayNs > 0) {
    ring.delayed.add(req);
    delay(ring, req, decision.delayNs, fireDelayed);
    return true;
  }
  return false;
}

function fireDelayed(req: Request): void {
  req.ring.delayed.delete(req);
  req.workKind = WORK_SUBMIT;
  addTaskWork(req.ring, req, req.op.pollin || req.op.pollout);
}

function delay(ring: Ring, req: Request, ns: number, fire: (req: Request) => void): void {
  req.timer ??= new Timer(fire, req);
  req.timer.fire = fire;
  ring.machine.clock.start(req.timer, ring.machine.clock.now + ns);
}

// ---- io-wq

/** Hands a request to a worker (io_queue_iowq). Serialised writes of one file follow each other. */
export function queueWorker(ring: Ring, req: Request): void {
  const { machine } = ring;
  let ns = machine.costs.worker;
  if (machine.faults !== null && (req.flags & REQ_F.FAULTED) === 0) {
    req.flags |= REQ_F.FAULTED;
    const decision = machine.faults.decide(req.op.name, req.serial);
    if (decision !== null) {
      if (decision.errno !== 0) {
        queueTaskFail(ring, req, -decision.errno);
        return;
      }
      if (decision.limit > 0) req.limit = decision.limit;
      ns += decision.delayNs;
    }
  }
  if (req.op.hashRegFile) {
    if (!assignFile(ring, req)) {
      queueTaskFail(ring, req, -EBADF);
      return;
    }
    const file = req.file!;
    if (file.kind === "regular") {
      ns += Math.max(0, file.busyUntil - machine.clock.now);
      file.busyUntil = machine.clock.now + ns;
    }
  }
  ring.workers.add(req);
  delay(ring, req, ns, runWorker);
}

function runWorker(req: Request): void {
  const { ring } = req;
  // A request that a worker runs is found by a cancellation, its own included.
  ring.running = req;
  ring.workers.delete(req);
  runInWorker(ring, req);
  ring.running = null;
}

/** Its file, or a cancellation, has woken a worker that blocked. */
function resumeWorker(req: Request): void {
  const { ring } = req;
  pollRemoveEntries(req);
  disarm(ring, req);
  req.flags &= ~REQ_F.WORKER_BLOCKED;
  if (!req.pollCancelled) {
    runWorker(req);
    return;
  }
  if (!isRead(req)) recycleBuffer(req);
  req.res = req.file!.interrupted(req.len);
  if (req.res < 0) queueTaskFail(ring, req, req.res);
  else workerCompletes(ring, req);
}

function workerCompletes(ring: Ring, req: Request): void {
  const next = completeFromWorker(ring, req);
  if (next !== null) queueWorker(ring, next);
}

function runInWorker(ring: Ring, req: Request): void {
  if (req.op.needsFile && !assignFile(ring, req)) {
    queueTaskFail(ring, req, -EBADF);
    return;
  }
  let issueFlags = ISSUE_IOWQ;
  let needsPoll = false;
  if ((req.flags & REQ_F.APOLL_MULTISHOT) !== 0) {
    const file = req.file;
    if (file === null || !file.pollable) {
      queueTaskFail(ring, req, -EBADFD);
      return;
    }
    if (file.nowait || (file.flags & 0x800) !== 0) {
      if (armPoll(ring, req) !== "armed") queueTaskFail(ring, req, -ECANCELED);
      return;
    }
    req.flags &= ~REQ_F.APOLL_MULTISHOT;
  }
  if ((req.flags & REQ_F.FORCE_ASYNC) !== 0 && (req.op.pollin || req.op.pollout) && req.file?.pollable === true) {
    needsPoll = true;
    issueFlags |= ISSUE_NONBLOCK;
  }
  let ret = issueRequest(ring, req, issueFlags);
  if (ret === -EAGAIN && (req.flags & REQ_F.NOWAIT) === 0 && needsPoll) {
    const armed = armPoll(ring, req);
    if (armed === "armed") return;
    ret = issueRequest(ring, req, ISSUE_IOWQ);
  }
  // A worker that would block waits for the file as a poll does: there are no threads here. It holds its buffer.
  if (ret === -EAGAIN && (req.flags & REQ_F.NOWAIT) === 0 && req.file?.pollable === true) {
    if (armPoll(ring, req, true) === "armed") {
      req.flags |= REQ_F.WORKER_BLOCKED;
      req.timer!.fire = resumeWorker;
      return;
    }
    ret = issueRequest(ring, req, ISSUE_IOWQ);
  }
  if (ret !== 0) queueTaskFail(ring, req, ret);
}

// ---- poll

/** Leaves the wait queue of its file. */
export function pollRemoveEntries(req: Request): void {
  req.queue?.remove(req);
}

/**
 * Waits for `events` at the request's file (__io_arm_poll_handler): the events that are there already, 0 when it now waits,
 * or a negative errno.
 */
export function armFor(ring: Ring, req: Request, events: number, kind: PollKind): number {
  const file = req.file!;
  req.pollKind = kind;
  req.pollEvents = (events | ALWAYS) >>> 0;
  req.pollRefs = 0;
  req.pollCancelled = false;
  const mask = file.poll() & req.pollEvents;
  if (!file.pollable) {
    if (mask !== 0 && (req.pollEvents & EPOLLET) !== 0) return mask;
    return -EINVAL;
  }
  if (mask !== 0 && (req.pollEvents & EDGE_ONESHOT) >>> 0 === EDGE_ONESHOT) return mask;
  file.waiters.add(req, (req.pollEvents & EPOLLEXCLUSIVE) !== 0);
  arm(ring, req);
  if (mask !== 0 && (req.pollEvents & EPOLLET) !== 0 && takePoll(req)) pollExecute(req, mask);
  return 0;
}

/** A read keeps the buffer it has chosen while it waits. */
function isRead({ opcode }: Request): boolean {
  return opcode === IORING_OP_READ || opcode === IORING_OP_READV;
}

/** Waits for the request's file to become ready for it (io_arm_poll_handler). */
function armPoll(ring: Ring, req: Request, keepsBuffer = isRead(req)): Armed {
  const { op, file } = req;
  if ((!op.pollin && !op.pollout) || file === null || !file.pollable) return "aborted";
  let mask = POLLPRI | POLLERR | EPOLLET;
  if ((req.flags & REQ_F.APOLL_MULTISHOT) === 0) mask |= EPOLLONESHOT;
  mask |= op.pollin ? POLLIN | POLLRDNORM : POLLOUT | POLLWRNORM;
  if (op.pollExclusive) mask |= EPOLLEXCLUSIVE;
  // A file that says it is ready and then is not must not keep the request going round for ever.
  if (++req.polls > POLL_RETRIES) return "aborted";
  req.flags |= REQ_F.POLLED;
  if (!keepsBuffer) recycleBuffer(req);
  const ret = armFor(ring, req, mask, POLL_ASYNC);
  if (ret !== 0) req.pollKind = POLL_NONE;
  return ret === 0 ? "armed" : ret > 0 ? "ready" : "aborted";
}

/** Marks an armed request cancelled and queues the task work that completes it (io_poll_cancel_req). */
export function pollCancel(req: Request): void {
  req.pollCancelled = true;
  if (takePoll(req)) pollExecute(req, 0);
}

const DONE = 0;
const NO_ACTION = 1;
const USE_RES = 2;
const REISSUE = 3;
const REQUEUE = 4;

function checkEvents(ring: Ring, req: Request): number {
  const multishot = (req.pollEvents & EPOLLONESHOT) === 0;
  for (;;) {
    let refs = req.pollRefs;
    if (req.pollCancelled) return -ECANCELED;
    if (refs !== 1) req.res = 0;
    let idle = false;
    if (req.res === 0) {
      req.res = req.file!.poll() & req.pollEvents;
      if (req.res === 0) {
        if (!multishot) return REISSUE;
        idle = true;
      }
    }
    if (!idle) {
      if (!multishot) return DONE;
      if (req.pollKind === POLL_PURE) {
        const mask = req.res & req.pollEvents & 0xffff;
        if (!postMultishot(ring, req, mask, IORING_CQE_F.IORING_CQE_F_MORE)) {
          req.res = mask;
          req.cflags = 0;
          return USE_RES;
        }
      } else {
        // data and the end of it came together: look for the end too
        if (refs > 1 && (req.res & (POLLHUP | POLLRDHUP)) !== 0) refs--;
        const ret = callIssue(ring, req, ISSUE_NONBLOCK | ISSUE_MULTISHOT);
        if (ret === IOU_REQUEUE) return REQUEUE;
        if (ret === IOU_STOP_MULTISHOT || ret === IOU_COMPLETE) return USE_RES;
        if (ret < 0) return ret;
      }
    }
    req.res = 0;
    req.pollRefs -= refs;
    if (req.pollRefs === 0) return NO_ACTION;
  }
}

/** Task work WORK_POLL (io_poll_task_func). */
export function pollTask(ring: Ring, req: Request): void {
  const ret = checkEvents(ring, req);
  if (ret === NO_ACTION) {
    recycleBuffer(req);
    return;
  }
  if (ret === REQUEUE) {
    pollExecute(req, 0);
    return;
  }
  pollRemoveEntries(req);
  disarm(ring, req);
  if (req.opcode === IORING_OP_POLL_ADD) {
    if (ret === REISSUE) {
      taskSubmit(ring, req);
      return;
    }
    if (ret === DONE) req.res = req.res & req.pollEvents & 0xffff;
    else if (ret !== USE_RES) {
      req.res = ret;
      setFail(req);
    }
    req.cflags = 0;
    completeDefer(ring, req);
  } else if (ret === USE_RES) completeDefer(ring, req);
  else if (ret === DONE || ret === REISSUE) taskSubmit(ring, req);
  else deferFailed(ring, req, ret);
}
