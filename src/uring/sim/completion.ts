// From a finished request to its CQE, and what follows: the CQ and its overflow list, links, drained requests, timeouts
// that count completions, task work and whom it wakes. Follows io_uring/io_uring.c, tw.c and timeout.c at v7.2.

import { ECANCELED } from "../../base/index.ts";
import { IORING_SETUP, IORING_CQE_F, IORING_OP, IORING_SQ, POLL } from "../abi/index.ts";
import { wakeQueue } from "./wake.ts";
import { putBuffer } from "./kbuf.ts";
import {
  REQ_F,
  Request,
  WORK_COMPLETE,
  WORK_FAIL,
  WORK_FAIL_LINKS,
  WORK_SUBMIT,
  type OpRow,
  type Ring,
  LINK_FLAGS,
} from "./state.ts";
import { addTaskWork, wakeProcess } from "./task-queue.ts";
import type { TimeoutData } from "./timeout-data.ts";
import { decimal64 } from "../trace/index.ts";

const { IORING_SETUP_CQE32, IORING_SETUP_IOPOLL } = IORING_SETUP;
const { IORING_CQE_F_32, IORING_CQE_F_SKIP } = IORING_CQE_F;
const { IORING_OP_LINK_TIMEOUT } = IORING_OP;
const DISARM_FLAGS = REQ_F.ARM_LTIMEOUT | REQ_F.LINK_TIMEOUT | REQ_F.FAIL;

/** Word indices of the rings area (struct io_rings). */
export const SQ_HEAD = 0;
export const SQ_TAIL = 1;
export const CQ_HEAD = 2;
export const CQ_TAIL = 3;
export const SQ_DROPPED = 8;
export const SQ_FLAGS = 9;
const CQ_FLAGS = 10;

/** Reads word `index` of the rings area. */
export function ringWord(ring: Ring, index: number): number {
  return ring.machine.memory.words[(ring.rings.at >>> 2) + index];
}

/** Writes word `index` of the rings area. */
export function setRingWord(ring: Ring, index: number, value: number): void {
  ring.machine.memory.words[(ring.rings.at >>> 2) + index] = value;
}

/** A request from the pool. */
export function allocRequest(ring: Ring, op: OpRow): Request {
  const req = ring.pool.pop() ?? new Request(ring, op);
  req.op = op;
  req.free = false;
  req.serial = ++ring.machine.serial;
  ring.inFlight++;
  return req;
}

/** Back to the pool; drops the file. */
export function freeRequest(ring: Ring, req: Request): void {
  req.free = true;
  const file = req.file;
  if (file !== null) {
    req.file = null;
    if (--file.refs === 0) file.release(ring.machine);
  }
  req.data = null;
  req.segments = null;
  req.bufferList = null;
  req.selected = null;
  req.link = null;
  req.work = null;
  req.refs = 0;
  req.pollKind = 0;
  ring.inFlight--;
  ring.pool.push(req);
}

/** Marks a request failed: its links break, and its CQE is posted even with IOSQE_CQE_SKIP_SUCCESS. */
export function setFail(req: Request): void {
  req.flags |= REQ_F.FAIL;
  if ((req.flags & REQ_F.CQE_SKIP) !== 0) {
    req.flags = (req.flags & ~REQ_F.CQE_SKIP) | REQ_F.SKIP_LINK_CQES;
  }
}

/** Sets the result, and marks the request failed when it is negative. */
export function setResult(req: Request, res: number): void {
  if (res < 0) setFail(req);
  req.res = res;
  req.cflags = 0;
}

/** Completions between the process's head and the kernel's tail. */
export function cqPending(ring: Ring): number {
  return (ring.cachedCqTail - ringWord(ring, CQ_HEAD)) >>> 0;
}

const NO_EXTRA = [0, 0, 0, 0] as const;

/** Puts a CQE at the tail; false when the CQ is full or earlier ones wait in the overflow list. */
function fillCqe(
  ring: Ring,
  low: number,
  high: number,
  res: number,
  flags: number,
  extra: readonly [number, number, number, number],
  fromOverflow = false,
): boolean {
  if (ring.overflowPending && !fromOverflow) return false;
  const wide = (ring.flags & IORING_SETUP_CQE32) !== 0;
  const two = !wide && (flags & IORING_CQE_F_32) !== 0;
  const { words } = ring.machine.memory;
  let free = ring.cqEntries - Math.min(cqPending(ring), ring.cqEntries);
  let slot = ring.cachedCqTail & ring.cqMask;
  if (two && slot + 1 === ring.cqEntries) {
    // A 32-byte CQE must not wrap: the last slot is skipped.
    if (free === 0) return false;
    const at = (ring.cqesAt >>> 2) + slot * 4;
    words[at] = 0;
    words[at + 1] = 0;
    words[at + 2] = 0;
    words[at + 3] = IORING_CQE_F_SKIP;
    ring.cachedCqTail = (ring.cachedCqTail + 1) >>> 0;
    free--;
    slot = 0;
  }
  if (free < (two ? 2 : 1)) return false;
  const at = (ring.cqesAt >>> 2) + slot * (wide ? 8 : 4);
  words[at] = low;
  words[at + 1] = high;
  words[at + 2] = res;
  words[at + 3] = flags;
  if (wide || two) {
    words[at + 4] = extra[0];
    words[at + 5] = extra[1];
    words[at + 6] = extra[2];
    words[at + 7] = extra[3];
  }
  ring.cachedCqTail = (ring.cachedCqTail + (two ? 2 : 1)) >>> 0;
  return true;
}

function traceComplete(
  ring: Ring,
  serial: number,
  low: number,
  high: number,
  res: number,
  flags: number,
  over: boolean,
): void {
  ring.machine.trace?.({
    t: ring.machine.clock.now,
    ring: ring.number,
    ev: "complete",
    req: serial,
    user_data: decimal64(low, high),
    res,
    flags: flags >>> 0,
    ...(over ? { overflow: true as const } : {}),
  });
}

function addOverflow(
  ring: Ring,
  low: number,
  high: number,
  res: number,
  flags: number,
  extra: readonly [number, number, number, number],
): void {
  if (ring.overflow.length === 0) {
    ring.overflowPending = true;
    setRingWord(ring, SQ_FLAGS, ringWord(ring, SQ_FLAGS) | IORING_SQ.IORING_SQ_CQ_OVERFLOW);
  }
  ring.overflow.push({ words: [low, high, res, flags, ...extra], cqe32: (flags & IORING_CQE_F_32) !== 0 });
}

/** Publishes the tail and does what hangs on it: waiters, eventfd, timeouts that count. */
function commitCq(ring: Ring): void {
  setRingWord(ring, CQ_TAIL, ring.cachedCqTail);
  const sleeper = ring.machine.sleeper;
  if (sleeper !== null && sleeper.ring === ring && sleeper.tail !== undefined && !ring.deferTaskrun) {
    if (shouldWake(ring, sleeper.tail, sleeper.timeouts) || ring.overflowPending) wakeProcess(ring.machine);
  }
  if (ring.file !== null && ring.file.waiters.head !== null)
    wakeQueue(ring.file.waiters, POLL.POLLIN | POLL.EPOLL_URING_WAKE);
  if (ring.offTimeoutUsed) flushTimeouts(ring);
  if (ring.eventfd !== null) signalEventfd(ring);
}

/** io_should_wake(): the tail reached `tail`, or a timeout has fired since. */
export function shouldWake(ring: Ring, tail: number, timeouts: number): boolean {
  return ((ringWord(ring, CQ_TAIL) - tail) | 0) >= 0 || ring.cqTimeouts !== timeouts;
}

function signalEventfd(ring: Ring): void {
  if ((ringWord(ring, CQ_FLAGS) & 1) !== 0 || ring.eventfdTail === ring.cachedCqTail || ring.eventfdAsync) return;
  ring.eventfdTail = ring.cachedCqTail;
  const file = ring.eventfd as unknown as { signal?: () => void };
  file.signal?.();
}

/** Completes timeouts whose count of completions is reached (io_flush_timeouts). */
function flushTimeouts(ring: Ring): void {
  const seq = (ring.cachedCqTail - ring.cqTimeouts) >>> 0;
  const killed: Request[] = [];
  for (const req of ring.timeouts) {
    const data = req.data as TimeoutData;
    if (data.count === 0 || data.multishot) break;
    const needed = (data.targetSeq - ring.cqLastTmFlush) >>> 0;
    const got = (seq - ring.cqLastTmFlush) >>> 0;
    if (got < needed) break;
    killed.push(req);
  }
  ring.cqLastTmFlush = seq;
  if (killed.length === 0) return;
  ring.timeouts.splice(0, killed.length);
  for (const req of killed) {
    if (req.timer) ring.machine.clock.stop(req.timer);
    ring.cqTimeouts++;
    queueTaskComplete(ring, req, 0);
  }
}

/** Posts a CQE of no particular request, on the overflow list when it must (io_post_aux_cqe). */
export function postAux(ring: Ring, low: number, high: number, res: number, flags: number): void {
  const filled = fillCqe(ring, low, high, res, flags, NO_EXTRA);
  if (!filled) addOverflow(ring, low, high, res, flags, NO_EXTRA);
  if (ring.machine.trace) traceComplete(ring, 0, low, high, res, flags, !filled);
  commitCq(ring);
}

/** As postAux, from task work that flushes later (io_add_aux_cqe). */
export function addAux(ring: Ring, low: number, high: number, res: number, flags: number): void {
  const filled = fillCqe(ring, low, high, res, flags, NO_EXTRA);
  if (!filled) addOverflow(ring, low, high, res, flags, NO_EXTRA);
  if (ring.machine.trace) traceComplete(ring, 0, low, high, res, flags, !filled);
  ring.cqFlush = true;
}

/** A further CQE of a multishot request; false when the CQ is full, then the request must end. */
export function postMultishot(ring: Ring, req: Request, res: number, flags: number): boolean {
  if (ring.compl.length > 0) flushCompletions(ring);
  const posted = fillCqe(ring, req.userLow, req.userHigh, res, flags, NO_EXTRA);
  if (posted && ring.machine.trace) traceComplete(ring, req.serial, req.userLow, req.userHigh, res, flags, false);
  ring.cqFlush = true;
  return posted;
}

function fillRequest(ring: Ring, req: Request): void {
  const extra =
    (req.flags & REQ_F.CQE_32) !== 0
      ? ([req.extra1Low, req.extra1High, req.extra2Low, req.extra2High] as const)
      : NO_EXTRA;
  const filled = fillCqe(ring, req.userLow, req.userHigh, req.res, req.cflags, extra);
  if (!filled) addOverflow(ring, req.userLow, req.userHigh, req.res, req.cflags, extra);
  if (ring.machine.trace) traceComplete(ring, req.serial, req.userLow, req.userHigh, req.res, req.cflags, !filled);
}

/** Puts a finished request in the batch that the next flush posts. */
export function completeDefer(ring: Ring, req: Request): void {
  ring.compl.push(req);
}

/** Fails a request that was not issued to its end (io_req_defer_failed). */
export function deferFailed(ring: Ring, req: Request, res: number): void {
  setFail(req);
  // named in the CQE, but what a buffer ring lent is not consumed
  req.flags &= ~REQ_F.BUFFERS_COMMIT;
  req.cflags = putBuffer(ring, req, res);
  req.res = res;
  // What a partly done read, write, send or receive has moved already is its result.
  if (req.done > 0) req.res = req.done;
  completeDefer(ring, req);
}

/** Posts the batch's CQEs, frees its requests, queues what was linked to them and what was drained by them. */
export function flushCompletions(ring: Ring): void {
  const batch = ring.compl;
  if (batch.length > 0) {
    ring.compl = ring.spareCompl;
    ring.spareCompl = batch;
    for (let i = 0; i < batch.length; i++) {
      const req = batch[i];
      if ((req.flags & REQ_F.CQE_SKIP) === 0) fillRequest(ring, req);
    }
  } else if (!ring.cqFlush && !ring.drainActive) {
    return;
  }
  commitCq(ring);
  for (let i = 0; i < batch.length; i++) {
    const req = batch[i];
    if (req.refs > 0) {
      req.refs--;
      continue;
    }
    if ((req.flags & (LINK_FLAGS | REQ_F.ARM_LTIMEOUT | REQ_F.LINK_TIMEOUT)) !== 0) queueNext(ring, req);
    freeRequest(ring, req);
  }
  batch.length = 0;
  if (ring.drainActive) queueDeferred(ring);
  ring.cqFlush = false;
}

/** Flushes when there is anything to flush (io_submit_flush_completions). */
export function flushIfNeeded(ring: Ring): void {
  if (ring.compl.length > 0 || ring.cqFlush || ring.drainActive) flushCompletions(ring);
}

/** Completes a request from an io-wq worker; the next of its chain, to be run by the same worker. */
export function completeFromWorker(ring: Ring, req: Request): Request | null {
  if (ring.deferTaskrun || (ring.flags & IORING_SETUP_IOPOLL) !== 0) {
    req.workKind = WORK_COMPLETE;
    addTaskWork(ring, req, false);
    return null;
  }
  if ((req.flags & REQ_F.CQE_SKIP) === 0) fillRequest(ring, req);
  commitCq(ring);
  if (req.refs > 0) {
    req.refs--;
    return null;
  }
  const next = (req.flags & (LINK_FLAGS | REQ_F.ARM_LTIMEOUT | REQ_F.LINK_TIMEOUT)) !== 0 ? findNext(ring, req) : null;
  freeRequest(ring, req);
  if (ring.drainActive) queueDeferred(ring);
  return next;
}

/** Drops a hold taken with `refs++`; the last one frees the request and lets its chain go on. */
export function putRequest(ring: Ring, req: Request): void {
  if (req.refs > 0) {
    req.refs--;
    return;
  }
  queueNext(ring, req);
  freeRequest(ring, req);
}

/** Task work that completes `req` with `res`. */
export function queueTaskComplete(ring: Ring, req: Request, res: number): void {
  req.res = res;
  req.cflags = 0;
  req.workKind = WORK_COMPLETE;
  addTaskWork(ring, req, false);
}

/** Task work that fails `req` with `res`. */
export function queueTaskFail(ring: Ring, req: Request, res: number): void {
  req.res = res;
  req.cflags = 0;
  req.workKind = WORK_FAIL;
  addTaskWork(ring, req, false);
}

/** Task work that issues `req`. */
export function queueTaskSubmit(ring: Ring, req: Request): void {
  req.workKind = WORK_SUBMIT;
  addTaskWork(ring, req, false);
}

/** Lets the chain behind a finished request go on, or fails it. */
export function queueNext(ring: Ring, req: Request): void {
  const next = findNext(ring, req);
  if (next !== null) queueTaskSubmit(ring, next);
}

function findNext(ring: Ring, req: Request): Request | null {
  if ((req.flags & DISARM_FLAGS) !== 0) disarmNext(ring, req);
  const next = req.link;
  req.link = null;
  return next;
}

function disarmNext(ring: Ring, req: Request): void {
  const link = req.link;
  if ((req.flags & REQ_F.ARM_LTIMEOUT) !== 0) {
    req.flags &= ~REQ_F.ARM_LTIMEOUT;
    if (link !== null && link.opcode === IORING_OP_LINK_TIMEOUT) {
      unlinkNext(req, link);
      queueTaskComplete(ring, link, -ECANCELED);
    }
  } else if ((req.flags & REQ_F.LINK_TIMEOUT) !== 0) {
    req.flags &= ~REQ_F.LINK_TIMEOUT;
    if (link !== null && link.opcode === IORING_OP_LINK_TIMEOUT) {
      unlinkNext(req, link);
      const data = link.data as TimeoutData;
      data.head = null;
      if (link.timer !== null && ring.machine.clock.stop(link.timer)) {
        removeFrom(ring.linkTimeouts, link);
        queueTaskComplete(ring, link, -ECANCELED);
      }
    }
  }
  if ((req.flags & REQ_F.FAIL) !== 0 && (req.flags & REQ_F.HARDLINK) === 0) failLinks(ring, req);
}

/** Takes `link` out of the chain behind `req`. */
export function unlinkNext(req: Request, link: Request): void {
  req.link = link.link;
  link.link = null;
}

/** Removes one element, keeping the order. */
export function removeFrom(list: Request[], req: Request): boolean {
  const index = list.indexOf(req);
  if (index < 0) return false;
  list.splice(index, 1);
  return true;
}

function failLinks(ring: Ring, req: Request): void {
  const first = req.link;
  if (first === null) return;
  for (let link: Request | null = first; link !== null; link = link.link) {
    if ((req.flags & REQ_F.SKIP_LINK_CQES) !== 0) link.flags |= REQ_F.CQE_SKIP;
    else link.flags &= ~REQ_F.CQE_SKIP;
  }
  req.link = null;
  first.workKind = WORK_FAIL_LINKS;
  addTaskWork(ring, first, false);
}

/** Task work: completes a whole chain, each with its own failure or -ECANCELED. */
export function completeFailedLinks(ring: Ring, first: Request): void {
  let link: Request | null = first;
  while (link !== null) {
    const next: Request | null = link.link;
    link.link = null;
    if ((link.flags & REQ_F.FAIL) === 0) link.res = -ECANCELED;
    link.cflags = 0;
    completeDefer(ring, link);
    link = next;
  }
}

function chainLength(req: Request): number {
  let n = 0;
  for (let link: Request | null = req; link !== null; link = link.link) n++;
  return n;
}

/** Parks a request behind a drain (io_drain_req). */
export function drainRequest(ring: Ring, req: Request): void {
  const drain = (req.flags & REQ_F.IO_DRAIN) !== 0;
  ring.nrDrained += chainLength(req);
  ring.deferred.push(req);
  queueDeferred(ring);
  if (!drain && ring.deferred.length === 0) ring.drainActive = false;
}

/** Lets parked requests go once nothing else is in flight (io_queue_deferred). */
function queueDeferred(ring: Ring): void {
  let drainSeen = false;
  let first = true;
  while (ring.deferred.length > 0) {
    const req = ring.deferred[0];
    drainSeen ||= (req.flags & REQ_F.IO_DRAIN) !== 0;
    if ((drainSeen || first) && ring.inFlight !== ring.nrDrained) return;
    ring.deferred.shift();
    ring.nrDrained -= chainLength(req);
    queueTaskSubmit(ring, req);
    first = false;
  }
}

/** Moves overflowed CQEs into the CQ as far as they fit (io_cqring_overflow_flush). */
export function flushOverflow(ring: Ring): void {
  if (cqPending(ring) === ring.cqEntries) return;
  while (ring.overflow.length > 0) {
    const { words } = ring.overflow[0];
    const extra = [words[4], words[5], words[6], words[7]] as const;
    if (!fillCqe(ring, words[0], words[1], words[2], words[3], extra, true)) break;
    ring.overflow.shift();
  }
  if (ring.overflow.length === 0) {
    ring.overflowPending = false;
    setRingWord(ring, SQ_FLAGS, ringWord(ring, SQ_FLAGS) & ~IORING_SQ.IORING_SQ_CQ_OVERFLOW);
  }
  commitCq(ring);
}
