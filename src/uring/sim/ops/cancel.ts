// ASYNC_CANCEL (io_uring/cancel.c at v7.2).

import { EBADF, EINVAL } from "../../../base/index.ts";
import { IORING_ASYNC_CANCEL, IORING_OP_LAST } from "../../abi/index.ts";
import { cancelRequests } from "../cancel.ts";
import { fixedFile, requestFile } from "../fd-table.ts";
import { REQ_F, type OpRow, type Request, type Ring } from "../state.ts";
import { SQE_ADDR, SQE_FILE_INDEX, SQE_LEN, SQE_OFF, SQE_OPFLAGS, op, sqeHas64, sqeWord, complete } from "./op.ts";

const { IORING_ASYNC_CANCEL_ANY, IORING_ASYNC_CANCEL_FD, IORING_ASYNC_CANCEL_FD_FIXED, IORING_ASYNC_CANCEL_OP } =
  IORING_ASYNC_CANCEL;
/** Every flag of ASYNC_CANCEL. */
const CANCEL_FLAGS: number = Object.values(IORING_ASYNC_CANCEL).reduce((all: number, bit) => all | bit, 0);

interface Target {
  readonly low: number;
  readonly high: number;
}

function prepCancel(ring: Ring, req: Request, sqe: number): number {
  if ((req.flags & REQ_F.BUFFER_SELECT) !== 0) return -EINVAL;
  if (sqeHas64(ring, sqe, SQE_OFF) || sqeWord(ring, sqe, SQE_FILE_INDEX) !== 0) return -EINVAL;
  const flags = sqeWord(ring, sqe, SQE_OPFLAGS);
  if ((flags & ~CANCEL_FLAGS) !== 0) return -EINVAL;
  const any = (flags & IORING_ASYNC_CANCEL_ANY) !== 0;
  if (any && (flags & (IORING_ASYNC_CANCEL_FD | IORING_ASYNC_CANCEL_OP)) !== 0) return -EINVAL;
  req.opFlags = flags;
  req.len = sqeWord(ring, sqe, SQE_LEN);
  if ((flags & IORING_ASYNC_CANCEL_OP) !== 0 && req.len >= IORING_OP_LAST) return -EINVAL;
  const target: Target = { low: sqeWord(ring, sqe, SQE_ADDR), high: sqeWord(ring, sqe, SQE_ADDR + 1) };
  req.data = target;
  return 0;
}

function issueCancel(ring: Ring, req: Request): number {
  const target = req.data as Target;
  let res: number | undefined;
  if ((req.opFlags & IORING_ASYNC_CANCEL_FD) !== 0) {
    const fixed = (req.flags & REQ_F.FIXED_FILE) !== 0 || (req.opFlags & IORING_ASYNC_CANCEL_FD_FIXED) !== 0;
    const file = fixed ? fixedFile(ring, req.fd) : requestFile(ring.machine, req.fd);
    if (file === null) res = -EBADF;
    else {
      file.refs++;
      req.file = file;
    }
  }
  res ??= cancelRequests(ring, {
    ...target,
    flags: req.opFlags,
    file: req.file,
    opcode: req.len,
    seq: ++ring.cancelSeq,
  });
  return complete(req, res);
}

export const CANCEL_OPS: readonly OpRow[] = [
  op("IORING_OP_ASYNC_CANCEL", "all flags; a request in a worker is always -EALREADY", prepCancel, issueCancel),
];
