// Provided buffers: choosing one for a request, giving it back, and telling its id in the CQE (io_uring/kbuf.c). Both kinds:
// lists filled by PROVIDE_BUFFERS, and rings in shared memory, also with incremental consumption (IOU_PBUF_RING_INC).

import { EFAULT, ENOBUFS, ENOENT } from "../../base/index.ts";
import { IORING_CQE_F } from "../abi/index.ts";
import { NULL_ADDRESS, isUserRange } from "./memory.ts";
import { ISSUE_IOWQ, REQ_F, type BufferList, type Request, type Ring } from "./state.ts";

const { IORING_CQE_F_BUFFER, IORING_CQE_F_BUF_MORE, IORING_CQE_BUFFER_SHIFT } = IORING_CQE_F;

/** Offsets in struct io_uring_buf, 16 bytes: addr u64, len u32, bid u16; the first one's `resv` is the ring's tail. */
const BUF_LEN = 8;
const BUF_BID = 12;
const RING_TAIL = 14;
const BUF_SIZE = 16;

/** Tail of a buffer ring, as the process left it. */
function bufferRingTail(ring: Ring, list: BufferList): number {
  return ring.machine.memory.view.getUint16(list.ringAt + RING_TAIL, true);
}

/** True when the request still has to choose a buffer (io_do_buffer_select). */
export function mustSelect(req: Request): boolean {
  return (req.flags & (REQ_F.BUFFER_SELECT | REQ_F.BUFFER_SELECTED | REQ_F.BUFFER_RING)) === REQ_F.BUFFER_SELECT;
}

/**
 * Chooses a buffer of group `req.bufIndex` for at most `length` bytes (0: as long as the buffer), into req.at and req.len.
 * False when there is none, or one of a ring that no user space can have, or one at the address 0: the last is chosen all
 * the same.
 */
export function selectBuffer(ring: Ring, req: Request, length: number, issueFlags: number): boolean {
  const list = ring.bufferLists.get(req.bufIndex);
  if (list === undefined) return false;
  if (list.ringAt < 0) return selectProvided(req, list, length);
  if (bufferRingTail(ring, list) === (list.head & 0xffff) || !selectOfRing(ring, req, list, length)) return false;
  // A worker cannot hold the choice open, nor can a file that is not polled: the buffer is consumed at once.
  if ((issueFlags & ISSUE_IOWQ) !== 0 || (req.file !== null && !req.file.pollable)) commitNow(ring, req, list);
  return req.at !== NULL_ADDRESS;
}

/**
 * As selectBuffer() for what sends (io_buffers_select): 0 or a negative errno. A ring's buffer is consumed at once and kept
 * while the request waits, the address 0 in a ring is tried, and a buffer of a list is sent whole.
 */
export function selectToSend(ring: Ring, req: Request, length: number): number {
  const list = ring.bufferLists.get(req.bufIndex);
  if (list === undefined) return -ENOENT;
  if (list.ringAt < 0) return selectProvided(req, list, 0) ? 0 : -ENOBUFS;
  const { view } = ring.machine.memory;
  if (bufferRingTail(ring, list) === (list.head & 0xffff)) return -ENOBUFS;
  if (view.getUint32(bufferAt(list) + BUF_LEN, true) === 0) return -ENOBUFS;
  if (!selectOfRing(ring, req, list, length)) return -EFAULT;
  commitNow(ring, req, list);
  req.flags |= REQ_F.BL_NO_RECYCLE;
  return 0;
}

function selectProvided(req: Request, list: BufferList, length: number): boolean {
  const buffer = list.buffers.shift();
  if (buffer === undefined) return false;
  req.at = buffer[0];
  req.len = length === 0 || length > buffer[1] ? buffer[1] : length;
  req.flags |= REQ_F.BUFFER_SELECTED;
  req.bufferList = list;
  req.bufIndex = buffer[2];
  req.selected = buffer;
  return req.at !== NULL_ADDRESS;
}

/** Offset of the struct io_uring_buf that is next. */
function bufferAt(list: BufferList): number {
  return list.ringAt + (list.head & list.mask) * BUF_SIZE;
}

function selectOfRing(ring: Ring, req: Request, list: BufferList, length: number): boolean {
  const { memory } = ring.machine;
  const at = bufferAt(list);
  const size = memory.view.getUint32(at + BUF_LEN, true);
  const count = length === 0 || length > size ? size : length;
  if (!isUserRange(Number(memory.view.getBigUint64(at, true)), count)) return false;
  req.at = memory.locateAt(at);
  req.len = count;
  req.flags |= REQ_F.BUFFER_RING | REQ_F.BUFFERS_COMMIT;
  req.bufferList = list;
  req.bufIndex = memory.view.getUint16(at + BUF_BID, true);
  return true;
}

function commitNow(ring: Ring, req: Request, list: BufferList): void {
  if (!commit(ring, req, list, req.len)) req.flags |= REQ_F.BUF_MORE;
  req.flags &= ~REQ_F.BUFFERS_COMMIT;
  req.bufferList = null;
}

/** Consumes `length` bytes of the ring's current buffer; true when the buffer is used up. */
function commit(ring: Ring, req: Request, list: BufferList, length: number): boolean {
  req.flags &= ~REQ_F.BUFFERS_COMMIT;
  if (!list.incremental) {
    list.head = (list.head + 1) & 0xffff;
    return true;
  }
  const { view } = ring.machine.memory;
  const at = bufferAt(list);
  const size = view.getUint32(at + BUF_LEN, true);
  const used = Math.min(length, size);
  if (size > used && used >= 0) {
    view.setBigUint64(at, view.getBigUint64(at, true) + BigInt(used), true);
    view.setUint32(at + BUF_LEN, size - used, true);
    return false;
  }
  view.setUint32(at + BUF_LEN, 0, true);
  list.head = (list.head + 1) & 0xffff;
  return true;
}

/** Gives an unused buffer back, so that the next attempt chooses anew (io_kbuf_recycle). */
export function recycleBuffer(req: Request): void {
  if ((req.flags & REQ_F.BL_NO_RECYCLE) !== 0) return;
  const list = req.bufferList;
  if ((req.flags & REQ_F.BUFFER_SELECTED) !== 0 && list !== null) {
    list.buffers.unshift(req.selected!);
    req.selected = null;
    req.flags &= ~REQ_F.BUFFER_SELECTED;
    req.bufIndex = list.bgid;
    req.bufferList = null;
  } else if ((req.flags & REQ_F.BUFFER_RING) !== 0 && list !== null) {
    req.bufIndex = list.bgid;
    req.bufferList = null;
    req.flags &= ~(REQ_F.BUFFER_RING | REQ_F.BUFFERS_COMMIT);
  }
}

/** Takes the request's buffer out of circulation after `length` bytes; the CQE flags that say so (io_put_kbuf). */
export function putBuffer(ring: Ring, req: Request, length: number): number {
  if ((req.flags & (REQ_F.BUFFER_SELECTED | REQ_F.BUFFER_RING)) === 0) return 0;
  let flags = IORING_CQE_F_BUFFER | (req.bufIndex << IORING_CQE_BUFFER_SHIFT);
  const list = req.bufferList;
  if ((req.flags & REQ_F.BUFFER_RING) !== 0) {
    if (list !== null && (req.flags & REQ_F.BUFFERS_COMMIT) !== 0 && !commit(ring, req, list, length)) {
      flags |= IORING_CQE_F_BUF_MORE;
    }
    if ((req.flags & REQ_F.BUF_MORE) !== 0) flags |= IORING_CQE_F_BUF_MORE;
    req.flags &= ~REQ_F.BUF_MORE;
    if (list !== null) req.bufIndex = list.bgid;
    req.flags &= ~REQ_F.BUFFER_RING;
  } else {
    req.flags &= ~REQ_F.BUFFER_SELECTED;
    if (list !== null) req.bufIndex = list.bgid;
    req.selected = null;
  }
  req.bufferList = null;
  return flags >>> 0;
}
