// From SQE to request: fetching, checks common to all opcodes, chains, drains (io_submit_sqes and what it calls in
// io_uring/io_uring.c at v7.2). Left out: SQPOLL, IOPOLL, plugging.

import { EACCES, ECANCELED, EINVAL, EOPNOTSUPP } from "../../base/index.ts";
import { IORING_OP_LAST, IORING_SETUP } from "../abi/index.ts";
import {
  SQ_DROPPED,
  SQ_HEAD,
  SQ_TAIL,
  allocRequest,
  flushIfNeeded,
  ringWord,
  setFail,
  setRingWord,
} from "./completion.ts";
import { queueFallback, queueRequest } from "./issue.ts";
import { REQ_F, type Request, type Ring, LINK_FLAGS } from "./state.ts";
import { sqeFields } from "../trace/index.ts";

const { IORING_SETUP_NO_SQARRAY, IORING_SETUP_SQ_REWIND, IORING_SETUP_SUBMIT_ALL } = IORING_SETUP;
const { IORING_SETUP_SQE128, IORING_SETUP_SQE_MIXED, IORING_SETUP_IOPOLL } = IORING_SETUP;

const VALID_FLAGS = 0x7f;
const COMMON_FLAGS = REQ_F.FIXED_FILE | REQ_F.LINK | REQ_F.HARDLINK | REQ_F.FORCE_ASYNC;

/** SQEs the process has queued and the kernel has not taken. */
function sqQueued(ring: Ring): number {
  return (ringWord(ring, SQ_TAIL) - ring.cachedSqHead) >>> 0;
}

/** Byte offset of the next SQE, or -1 when the sq array names none. */
function nextSqe(ring: Ring): number {
  let index = ring.cachedSqHead & ring.sqMask;
  ring.cachedSqHead = (ring.cachedSqHead + 1) >>> 0;
  if (ring.sqArrayAt >= 0) {
    index = ring.machine.memory.words[(ring.sqArrayAt >>> 2) + index]!;
    if (index >= ring.sqEntries) {
      setRingWord(ring, SQ_DROPPED, ringWord(ring, SQ_DROPPED) + 1);
      return -1;
    }
  }
  return ring.sqes.at + index * ((ring.flags & IORING_SETUP_SQE128) !== 0 ? 128 : 64);
}

/** Takes up to `nr` SQEs; how many were taken, those that failed included. */
export function submitSqes(ring: Ring, nr: number): number {
  const rewind = (ring.flags & IORING_SETUP_SQ_REWIND) !== 0;
  const available = rewind ? ring.sqEntries : Math.min(sqQueued(ring), ring.sqEntries);
  let left = Math.min(nr >>> 0, available);
  if (left === 0) return 0;
  const total = left;
  ring.linkHead = null;
  do {
    const sqe = nextSqe(ring);
    if (sqe < 0) break;
    const extra = twoSlots(ring, sqe, left);
    if (extra) {
      ring.cachedSqHead = (ring.cachedSqHead + 1) >>> 0;
      left--;
    }
    if (submitOne(ring, sqe, extra) !== 0 && (ring.flags & IORING_SETUP_SUBMIT_ALL) === 0) {
      left--;
      break;
    }
  } while (--left > 0);
  if (ring.linkHead !== null) {
    const head = ring.linkHead;
    ring.linkHead = null;
    queueFallback(ring, head);
  }
  flushIfNeeded(ring);
  if (rewind) ring.cachedSqHead = 0;
  else if ((ring.flags & IORING_SETUP_NO_SQARRAY) !== 0 || ring.sqArrayAt >= 0) {
    setRingWord(ring, SQ_HEAD, ring.cachedSqHead);
  }
  return total - left;
}

/** IORING_SETUP_SQE_MIXED: this opcode's SQE takes the next slot too, and may. */
function twoSlots(ring: Ring, sqe: number, left: number): boolean {
  if ((ring.flags & IORING_SETUP_SQE_MIXED) === 0) return false;
  const row = ring.machine.ops[ring.machine.memory.bytes[sqe]];
  return row !== undefined && row.is128 && left >= 2 && (ring.cachedSqHead & ring.sqMask) !== 0;
}

/** Checks and preparation of one request; 0 or a negative errno. */
function initRequest(ring: Ring, req: Request, sqe: number, extraSlot: boolean): number {
  const { machine } = ring;
  const { words } = machine.memory;
  const word = sqe >>> 2;
  const first = words[word];
  const opcode = first & 0xff;
  const sqeFlags = (first >>> 8) & 0xff;
  req.flags = sqeFlags;
  req.userLow = words[word + 8]!;
  req.userHigh = words[word + 9]!;
  req.opcode = opcode;
  req.cflags = 0;
  req.done = 0;
  req.limit = 0;
  req.polls = 0;
  req.res = 0;
  if (opcode >= IORING_OP_LAST) {
    req.opcode = 0;
    return -EINVAL;
  }
  const op = machine.ops[opcode];
  req.op = op;
  if (op.is128 && (ring.flags & IORING_SETUP_SQE128) === 0 && !extraSlot) return -EINVAL;
  if ((sqeFlags & ~COMMON_FLAGS) !== 0) {
    if ((sqeFlags & ~VALID_FLAGS) !== 0) return -EINVAL;
    if ((sqeFlags & REQ_F.BUFFER_SELECT) !== 0) {
      if (!op.bufferSelect) return -EOPNOTSUPP;
      req.bufIndex = words[word + 10] & 0xffff;
    }
    if ((sqeFlags & REQ_F.CQE_SKIP) !== 0) ring.drainDisabled = true;
    if ((sqeFlags & REQ_F.IO_DRAIN) !== 0) {
      if (ring.drainDisabled) return -EOPNOTSUPP;
      initDrain(ring);
    }
  }
  if (ring.restricted || ring.drainActive || ring.drainNext) {
    if (ring.restricted && !allowed(ring, opcode, sqeFlags)) return -EACCES;
    if (ring.drainActive) req.flags |= REQ_F.FORCE_ASYNC;
    if (ring.drainNext && ring.linkHead === null) {
      ring.drainNext = false;
      ring.drainActive = true;
      req.flags |= REQ_F.IO_DRAIN | REQ_F.FORCE_ASYNC;
    }
  }
  if (!op.ioprio && first >>> 16 !== 0) return -EINVAL;
  if ((ring.flags & IORING_SETUP_IOPOLL) !== 0) return -EINVAL;
  req.fd = words[word + 1] | 0;
  const personality = words[word + 10] >>> 16;
  if (personality !== 0 && !ring.personalities.has(personality)) return -EINVAL;
  return op.prep(ring, req, sqe);
}

function allowed(ring: Ring, opcode: number, sqeFlags: number): boolean {
  const rules = ring.restrictions!;
  if (!rules.sqeOps.has(opcode)) return false;
  if ((sqeFlags & rules.flagsRequired) !== rules.flagsRequired) return false;
  return (sqeFlags & ~(rules.flagsAllowed | rules.flagsRequired)) === 0;
}

function initDrain(ring: Ring): void {
  ring.drainActive = true;
  const head = ring.linkHead;
  if (head !== null) {
    // A drain inside a chain drains the whole chain, and what comes after it.
    head.flags |= REQ_F.IO_DRAIN | REQ_F.FORCE_ASYNC;
    ring.drainNext = true;
  }
}

function submitOne(ring: Ring, sqe: number, extraSlot: boolean): number {
  const { machine } = ring;
  const req = allocRequest(ring, machine.ops[0]);
  const ret = initRequest(ring, req, sqe, extraSlot);
  if (machine.trace !== null) {
    machine.trace({
      t: machine.clock.now,
      ring: ring.number,
      ev: "submit",
      req: req.serial,
      ...sqeFields(machine.memory.words, sqe),
    });
  }
  if (ret !== 0) return failInit(ring, req, ret);
  const head = ring.linkHead;
  if (head !== null) {
    ring.linkLast!.link = req;
    ring.linkLast = req;
    if ((req.flags & LINK_FLAGS) !== 0) return 0;
    ring.linkHead = null;
    if ((head.flags & (REQ_F.FORCE_ASYNC | REQ_F.FAIL)) !== 0) queueFallback(ring, head);
    else queueRequest(ring, head);
    return 0;
  }
  if ((req.flags & (LINK_FLAGS | REQ_F.FORCE_ASYNC | REQ_F.FAIL)) !== 0) {
    if ((req.flags & LINK_FLAGS) !== 0) {
      ring.linkHead = req;
      ring.linkLast = req;
    } else queueFallback(ring, req);
    return 0;
  }
  queueRequest(ring, req);
  return 0;
}

function failNode(req: Request, res: number): void {
  setFail(req);
  req.res = res;
}

/** A request that failed its checks: it is completed, and fails the chain it belongs to (io_submit_fail_init). */
function failInit(ring: Ring, req: Request, ret: number): number {
  failNode(req, ret);
  const head = ring.linkHead;
  if (head !== null && (head.flags & REQ_F.FAIL) === 0) failNode(head, -ECANCELED);
  if ((req.flags & LINK_FLAGS) === 0) {
    if (head !== null) {
      ring.linkLast!.link = req;
      ring.linkHead = null;
      queueFallback(ring, head);
    } else queueFallback(ring, req);
    return ret;
  }
  if (head !== null) ring.linkLast!.link = req;
  else ring.linkHead = req;
  ring.linkLast = req;
  return 0;
}
