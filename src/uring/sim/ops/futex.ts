// FUTEX_WAIT and FUTEX_WAKE (io_uring/futex.c at v7.2): 32-bit futexes in the machine's memory. Left out: FUTEX_WAITV,
// futexes of other sizes and NUMA nodes.

import { EAGAIN, EFAULT, EINVAL } from "../../../base/index.ts";
import { unqueueFutex } from "../cancel.ts";
import { queueTaskComplete } from "../completion.ts";
import { NOT_USER } from "../memory.ts";
import { IOU_ISSUE_SKIP_COMPLETE, type OpRow, type Request, type Ring } from "../state.ts";
import {
  SQE_ADDR,
  SQE_ADDR3,
  SQE_FD,
  SQE_FILE_INDEX,
  SQE_LEN,
  SQE_OFF,
  SQE_OPFLAGS,
  op,
  sqeAddress,
  sqeBufIndex,
  sqeWord,
  complete,
} from "./op.ts";

const FUTEX2_SIZE_MASK = 3;
const FUTEX2_SIZE_U32 = 2;
const FUTEX2_PRIVATE = 128;
const FUTEX2_VALID_MASK = FUTEX2_SIZE_MASK | 4 | 8 | FUTEX2_PRIVATE;

interface FutexData {
  readonly value: number;
  readonly mask: number;
  /** The address is a multiple of the futex's size. */
  readonly aligned: boolean;
}

function prepFutex(ring: Ring, req: Request, sqe: number): number {
  if (
    sqeWord(ring, sqe, SQE_LEN) !== 0 ||
    sqeWord(ring, sqe, SQE_OPFLAGS) !== 0 ||
    sqeBufIndex(ring, sqe) !== 0 ||
    sqeWord(ring, sqe, SQE_FILE_INDEX) !== 0
  ) {
    return -EINVAL;
  }
  const flags = sqeWord(ring, sqe, SQE_FD);
  if ((flags & ~FUTEX2_VALID_MASK) !== 0 || (flags & FUTEX2_SIZE_MASK) !== FUTEX2_SIZE_U32) return -EINVAL;
  if (sqeWord(ring, sqe, SQE_OFF + 1) !== 0 || sqeWord(ring, sqe, SQE_ADDR3 + 1) !== 0) return -EINVAL;
  req.at = sqeAddress(ring, sqe, SQE_ADDR);
  // private futexes and shared ones do not meet
  req.off = req.at * 2 + ((flags & FUTEX2_PRIVATE) === 0 ? 0 : 1);
  const data: FutexData = {
    value: sqeWord(ring, sqe, SQE_OFF),
    mask: sqeWord(ring, sqe, SQE_ADDR3),
    aligned: sqeWord(ring, sqe, SQE_ADDR) % 4 === 0,
  };
  req.data = data;
  return 0;
}

/** 0, or why no futex can be there. */
function checkAddress(ring: Ring, { at, data }: Request): number {
  if (!(data as FutexData).aligned) return -EINVAL;
  return ring.machine.memory.covers(at, 4) ? 0 : -EFAULT;
}

function issueWait(ring: Ring, req: Request): number {
  const { value, mask } = req.data as FutexData;
  if (mask === 0) return complete(req, -EINVAL);
  const ret = checkAddress(ring, req);
  if (ret !== 0) return complete(req, ret);
  const { machine } = ring;
  if (machine.memory.view.getUint32(req.at, true) !== value) return complete(req, -EAGAIN);
  const waiters = machine.futexes.get(req.off);
  if (waiters === undefined) machine.futexes.set(req.off, [req]);
  else waiters.push(req);
  ring.futexes.push(req);
  return IOU_ISSUE_SKIP_COMPLETE;
}

function issueWake(ring: Ring, req: Request): number {
  const { value, mask } = req.data as FutexData;
  if (mask === 0) return complete(req, -EINVAL);
  const ret = checkAddress(ring, req);
  // a private futex is known by its address alone: nobody looks whether anything is there
  if (ret === -EFAULT && req.at !== NOT_USER && req.off % 2 !== 0) return complete(req, 0);
  if (ret !== 0) return complete(req, ret);
  let woken = 0;
  for (const waiter of (ring.machine.futexes.get(req.off) ?? []).slice()) {
    if (woken >= value) break;
    if (((waiter.data as FutexData).mask & mask) === 0) continue;
    unqueueFutex(waiter);
    queueTaskComplete(waiter.ring, waiter, 0);
    woken++;
  }
  return complete(req, woken);
}

export const FUTEX_OPS: readonly OpRow[] = [
  op("IORING_OP_FUTEX_WAIT", "32-bit futexes, bit masks", prepFutex, issueWait),
  op("IORING_OP_FUTEX_WAKE", "32-bit futexes, bit masks", prepFutex, issueWake),
];
