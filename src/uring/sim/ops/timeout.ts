// TIMEOUT, LINK_TIMEOUT, TIMEOUT_REMOVE (io_uring/timeout.c at v7.2).

import { EALREADY, ECANCELED, EFAULT, EINVAL, ENOENT, ETIME } from "../../../base/index.ts";
import { IORING_CQE_F, IORING_OP, IORING_TIMEOUT } from "../../abi/index.ts";
import { cancelTimeout, tryCancel } from "../cancel.ts";
import { REALTIME_OFFSET_SEC, Timer } from "../clock.ts";
import { completeDefer, postMultishot, putRequest, removeFrom, setFail } from "../completion.ts";
import { restartLinkedTimeout } from "../link-timeout.ts";
import {
  IOU_COMPLETE,
  IOU_ISSUE_SKIP_COMPLETE,
  REQ_F,
  WORK_CALL,
  type OpRow,
  type Request,
  type Ring,
} from "../state.ts";
import { addTaskWork } from "../task-queue.ts";
import type { TimeoutData } from "../timeout-data.ts";
import { readTimespec } from "../timespec.ts";
import {
  SQE_ADDR,
  SQE_ADDR3,
  SQE_FILE_INDEX,
  SQE_LEN,
  SQE_OFF,
  SQE_OPFLAGS,
  SQE_PAD2,
  op,
  sqeAddress,
  sqeBufIndex,
  sqeHas64,
  sqeWord,
} from "./op.ts";

const {
  IORING_TIMEOUT_ABS,
  IORING_TIMEOUT_CLOCK_MASK,
  IORING_TIMEOUT_ETIME_SUCCESS,
  IORING_TIMEOUT_IMMEDIATE_ARG,
  IORING_TIMEOUT_MULTISHOT,
  IORING_TIMEOUT_REALTIME,
  IORING_TIMEOUT_UPDATE_MASK,
  IORING_LINK_TIMEOUT_UPDATE,
} = IORING_TIMEOUT;
const TIMEOUT_FLAGS =
  IORING_TIMEOUT_ABS |
  IORING_TIMEOUT_CLOCK_MASK |
  IORING_TIMEOUT_ETIME_SUCCESS |
  IORING_TIMEOUT_MULTISHOT |
  IORING_TIMEOUT_IMMEDIATE_ARG;

/** Nanoseconds of the sqe's timespec (or the immediate value), or a negative errno as undefined's opposite. */
function readTime(ring: Ring, sqe: number, index: number, flags: number): { ns: number } | number {
  if ((flags & IORING_TIMEOUT_IMMEDIATE_ARG) !== 0) {
    const { words } = ring.machine.memory;
    const at = (sqe >>> 2) + index;
    const high = words[at + 1] | 0;
    if (high < 0) return -EINVAL;
    return { ns: high * 0x1_0000_0000 + words[at] };
  }
  const ts = readTimespec(ring, sqeAddress(ring, sqe, index));
  if (ts === undefined) return -EFAULT;
  if (ts.sec < 0 || ts.nsec < 0) return -EINVAL;
  return { ns: ts.sec * 1e9 + ts.nsec };
}

/** An absolute time on the simulated CLOCK_MONOTONIC. */
function absolute(ns: number, realtime: boolean): number {
  return realtime ? ns - REALTIME_OFFSET_SEC * 1e9 : ns;
}

function prepTimeout(ring: Ring, req: Request, sqe: number, linked: boolean): number {
  const count = sqeWord(ring, sqe, SQE_OFF);
  if (sqeBufIndex(ring, sqe) !== 0 || sqeWord(ring, sqe, SQE_LEN) !== 1 || sqeWord(ring, sqe, SQE_FILE_INDEX) !== 0) {
    return -EINVAL;
  }
  if (count !== 0 && linked) return -EINVAL;
  if (sqeHas64(ring, sqe, SQE_ADDR3) || sqeHas64(ring, sqe, SQE_PAD2)) return -EINVAL;
  const flags = sqeWord(ring, sqe, SQE_OPFLAGS);
  if ((flags & ~TIMEOUT_FLAGS) !== 0) return -EINVAL;
  if ((flags & IORING_TIMEOUT_CLOCK_MASK) === IORING_TIMEOUT_CLOCK_MASK) return -EINVAL;
  const both = IORING_TIMEOUT_MULTISHOT | IORING_TIMEOUT_ABS;
  if ((flags & both) === both) return -EINVAL;
  if (count !== 0) ring.offTimeoutUsed = true;
  const time = readTime(ring, sqe, SQE_ADDR, flags);
  if (typeof time === "number") return time;
  const multishot = (flags & IORING_TIMEOUT_MULTISHOT) !== 0;
  const realtime = (flags & IORING_TIMEOUT_REALTIME) !== 0;
  const isAbsolute = (flags & IORING_TIMEOUT_ABS) !== 0;
  const data: TimeoutData = {
    count,
    targetSeq: 0,
    repeats: multishot ? count : 0,
    ns: isAbsolute ? absolute(time.ns, realtime) : time.ns,
    absolute: isAbsolute,
    realtime,
    multishot,
    etimeSuccess: (flags & IORING_TIMEOUT_ETIME_SUCCESS) !== 0,
    head: null,
    prev: null,
  };
  if (linked) {
    const last = ring.linkHead === null ? null : ring.linkLast;
    if (last === null || last.opcode === IORING_OP.IORING_OP_LINK_TIMEOUT) return -EINVAL;
    data.head = last;
    last.flags |= REQ_F.ARM_LTIMEOUT;
    req.work = linkTimeoutWork;
  }
  req.data = data;
  return 0;
}

function startTimer(ring: Ring, req: Request, data: TimeoutData): void {
  const { clock } = ring.machine;
  req.timer ??= new Timer(expire, req);
  req.timer.fire = expire;
  clock.start(req.timer, data.absolute ? data.ns : clock.now + data.ns);
}

function expire(req: Request): void {
  const { ring } = req;
  const data = req.data as TimeoutData;
  removeFrom(ring.timeouts, req);
  ring.cqTimeouts++;
  if (!data.etimeSuccess) setFail(req);
  req.res = -ETIME;
  req.cflags = 0;
  req.work = timeoutWork;
  req.workKind = WORK_CALL;
  addTaskWork(ring, req, false);
}

/** Task work of an expired TIMEOUT: its CQE, and for a multishot the next round. */
function timeoutWork(ring: Ring, req: Request): void {
  const data = req.data as TimeoutData;
  if (data.multishot && (data.count === 0 || (data.repeats > 0 && --data.repeats > 0))) {
    if (postMultishot(ring, req, -ETIME, IORING_CQE_F.IORING_CQE_F_MORE)) {
      ring.timeouts.push(req);
      startTimer(ring, req, data);
      return;
    }
  }
  completeDefer(ring, req);
}

/** Task work of an expired LINK_TIMEOUT: cancels what it guards. */
function linkTimeoutWork(ring: Ring, req: Request): void {
  const data = req.data as TimeoutData;
  const { prev } = data;
  let res = -ETIME;
  if (prev !== null) {
    const ret = tryCancel(ring, { low: prev.userLow, high: prev.userHigh, flags: 0, file: null, opcode: 0, seq: 0 });
    if (ret !== 0) res = ret;
  }
  req.res = res;
  req.cflags = 0;
  completeDefer(ring, req);
  if (prev !== null) {
    data.prev = null;
    putRequest(ring, prev);
  }
}

function issueTimeout(ring: Ring, req: Request): number {
  const data = req.data as TimeoutData;
  const list = ring.timeouts;
  if (data.count === 0 || data.multishot) list.push(req);
  else {
    const tail = (ring.cachedCqTail - ring.cqTimeouts) >>> 0;
    data.targetSeq = (tail + data.count) >>> 0;
    ring.cqLastTmFlush = tail;
    // Sorted by how many completions each still waits for.
    let index = list.length;
    for (; index > 0; index--) {
      const other = list[index - 1].data as TimeoutData;
      if (other.count === 0 || other.multishot) continue;
      if (data.count >= (other.targetSeq - tail) >>> 0) break;
    }
    list.splice(index, 0, req);
  }
  startTimer(ring, req, data);
  return IOU_ISSUE_SKIP_COMPLETE;
}

interface RemoveData {
  readonly low: number;
  readonly high: number;
  readonly ns: number;
}

function prepRemove(ring: Ring, req: Request, sqe: number): number {
  if ((req.flags & (REQ_F.FIXED_FILE | REQ_F.BUFFER_SELECT)) !== 0) return -EINVAL;
  if (sqeBufIndex(ring, sqe) !== 0 || sqeWord(ring, sqe, SQE_LEN) !== 0 || sqeWord(ring, sqe, SQE_FILE_INDEX) !== 0) {
    return -EINVAL;
  }
  if (sqeHas64(ring, sqe, SQE_ADDR3) || sqeHas64(ring, sqe, SQE_PAD2)) return -EINVAL;
  const flags = sqeWord(ring, sqe, SQE_OPFLAGS);
  req.opFlags = flags;
  let ns = 0;
  if ((flags & IORING_TIMEOUT_UPDATE_MASK) !== 0) {
    if ((flags & IORING_TIMEOUT_CLOCK_MASK) === IORING_TIMEOUT_CLOCK_MASK) return -EINVAL;
    if ((flags & ~(IORING_TIMEOUT_UPDATE_MASK | IORING_TIMEOUT_ABS | IORING_TIMEOUT_IMMEDIATE_ARG)) !== 0)
      return -EINVAL;
    const time = readTime(ring, sqe, SQE_OFF, flags);
    if (typeof time === "number") return time;
    ({ ns } = time);
  } else if (flags !== 0) return -EINVAL;
  const data: RemoveData = { low: sqeWord(ring, sqe, SQE_ADDR), high: sqeWord(ring, sqe, SQE_ADDR + 1), ns };
  req.data = data;
  return 0;
}

function issueRemove(ring: Ring, req: Request): number {
  const target = req.data as RemoveData;
  const res =
    (req.opFlags & IORING_TIMEOUT_UPDATE_MASK) === 0
      ? cancelTimeout(ring, { low: target.low, high: target.high, flags: 0, file: null, opcode: 0, seq: 0 })
      : update(ring, target, req.opFlags);
  if (res < 0) setFail(req);
  req.res = res;
  req.cflags = 0;
  return IOU_COMPLETE;
}

function update(ring: Ring, target: RemoveData, flags: number): number {
  const linked = (flags & IORING_LINK_TIMEOUT_UPDATE) !== 0;
  const list = linked ? ring.linkTimeouts : ring.timeouts;
  const found = list.find((other) => other.userLow === target.low && other.userHigh === target.high);
  if (found === undefined) return -ENOENT;
  if (found.timer === null || found.timer.slot < 0) return -EALREADY;
  const data = found.data as TimeoutData;
  const { clock } = ring.machine;
  const isAbsolute = (flags & IORING_TIMEOUT_ABS) !== 0;
  const at = isAbsolute ? absolute(target.ns, data.realtime) : clock.now + target.ns;
  if (linked) restartLinkedTimeout(ring, found, at);
  else {
    data.count = 0;
    data.absolute = isAbsolute;
    data.ns = isAbsolute ? at : target.ns;
    removeFrom(ring.timeouts, found);
    ring.timeouts.push(found);
    clock.start(found.timer, at);
  }
  return 0;
}

export const TIMEOUT_OPS: readonly OpRow[] = [
  op(
    "IORING_OP_TIMEOUT",
    "relative, absolute, counting, multishot, all clocks (one clock, boot time equals monotonic)",
    (ring, req, sqe) => prepTimeout(ring, req, sqe, false),
    issueTimeout,
  ),
  op(
    "IORING_OP_LINK_TIMEOUT",
    "all",
    (ring, req, sqe) => prepTimeout(ring, req, sqe, true),
    () => -ECANCELED,
  ),
  op("IORING_OP_TIMEOUT_REMOVE", "removal and both updates", prepRemove, issueRemove),
];
