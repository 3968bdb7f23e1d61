// MSG_RING: a CQE, or a fixed file, for another ring of the machine (io_uring/msg_ring.c at v7.2).

import { EBADF, EBADFD, EINVAL } from "../../../base/index.ts";
import { IORING_CQE_F, IORING_MISC, IORING_MSG, IORING_SETUP } from "../../abi/index.ts";
import { addAux, allocRequest, freeRequest, postAux } from "../completion.ts";
import { fixedFile } from "../fd-table.ts";
import { installResult } from "../fixed-file.ts";
import { RingFile } from "../ring-file.ts";
import { WORK_CALL, type OpRow, type Request, type Ring } from "../state.ts";
import { addTaskWork } from "../task-queue.ts";
import {
  SQE_ADDR,
  SQE_ADDR3,
  SQE_BUF,
  SQE_FILE_INDEX,
  SQE_LEN,
  SQE_OFF,
  SQE_OPFLAGS,
  op,
  sqeWord,
  complete,
} from "./op.ts";

const { IORING_MSG_DATA, IORING_MSG_SEND_FD, IORING_MSG_RING_CQE_SKIP, IORING_MSG_RING_FLAGS_PASS } = IORING_MSG;

const LONG_CQES = IORING_SETUP.IORING_SETUP_CQE32 | IORING_SETUP.IORING_SETUP_CQE_MIXED;

interface Message {
  readonly low: number;
  readonly high: number;
  readonly command: number;
  readonly source: number;
  /** cqe_flags, or the slot in the other ring. */
  readonly target: number;
}

function prepMessage(ring: Ring, req: Request, sqe: number): number {
  if (sqeWord(ring, sqe, SQE_BUF) !== 0) return -EINVAL;
  req.opFlags = sqeWord(ring, sqe, SQE_OPFLAGS);
  if ((req.opFlags & ~(IORING_MSG_RING_CQE_SKIP | IORING_MSG_RING_FLAGS_PASS)) !== 0) return -EINVAL;
  req.len = sqeWord(ring, sqe, SQE_LEN);
  const data: Message = {
    low: sqeWord(ring, sqe, SQE_OFF),
    high: sqeWord(ring, sqe, SQE_OFF + 1),
    command: sqeWord(ring, sqe, SQE_ADDR),
    source: sqeWord(ring, sqe, SQE_ADDR3),
    target: sqeWord(ring, sqe, SQE_FILE_INDEX),
  };
  req.data = data;
  return 0;
}

/** Task work in the other ring: posts the CQE. */
function deliver(ring: Ring, message: Request): void {
  addAux(ring, message.userLow, message.userHigh, message.res, message.cflags);
  freeRequest(ring, message);
}

/** A CQE for `target`: at once, or by its own task when that alone may post. */
function post(target: Ring, low: number, high: number, res: number, flags: number): void {
  if (!target.deferTaskrun) {
    postAux(target, low, high, res, flags);
    return;
  }
  const message = allocRequest(target, target.machine.ops[0]);
  message.flags = 0;
  message.userLow = low;
  message.userHigh = high;
  message.res = res;
  message.cflags = flags;
  message.work = deliver;
  message.workKind = WORK_CALL;
  addTaskWork(target, message, true);
}

function sendData(target: Ring, req: Request, data: Message): number {
  const pass = (req.opFlags & IORING_MSG_RING_FLAGS_PASS) !== 0;
  if (data.source !== 0 || (req.opFlags & ~IORING_MSG_RING_FLAGS_PASS) !== 0) return -EINVAL;
  if (!pass && data.target !== 0) return -EINVAL;
  if ((target.flags & IORING_SETUP.IORING_SETUP_R_DISABLED) !== 0) return -EBADFD;
  // a CQE that says it is a long one, where there are none
  if (pass && (data.target & IORING_CQE_F.IORING_CQE_F_32) !== 0 && (target.flags & LONG_CQES) === 0) return -EINVAL;
  post(target, data.low, data.high, req.len | 0, pass ? data.target : 0);
  return 0;
}

function sendFile(ring: Ring, target: Ring, req: Request, data: Message): number {
  if (req.len !== 0 || target === ring) return -EINVAL;
  if ((target.flags & IORING_SETUP.IORING_SETUP_R_DISABLED) !== 0) return -EBADFD;
  const file = fixedFile(ring, data.source);
  if (file === null) return -EBADF;
  file.refs++;
  // Slot numbers are one-based here too; 0 stands for none, which the kernel refuses.
  const slot = data.target === 0 ? IORING_MISC.IORING_FILE_INDEX_ALLOC - 1 : data.target;
  const ret = installResult(target, file, slot);
  if (ret < 0 || (req.opFlags & IORING_MSG_RING_CQE_SKIP) !== 0) return ret;
  post(target, data.low, data.high, ret, 0);
  return ret;
}

function issueMessage(ring: Ring, req: Request): number {
  const data = req.data as Message;
  const { file } = req;
  let res: number;
  if (!(file instanceof RingFile)) res = -EBADFD;
  else if (data.command === IORING_MSG_DATA) res = sendData(file.ring, req, data);
  else if (data.command === IORING_MSG_SEND_FD) res = sendFile(ring, file.ring, req, data);
  else res = -EINVAL;
  return complete(req, res);
}

export const MSG_RING_OPS: readonly OpRow[] = [
  op("IORING_OP_MSG_RING", "data and fixed files, to rings of the same machine", prepMessage, issueMessage, {
    needsFile: true,
  }),
];
