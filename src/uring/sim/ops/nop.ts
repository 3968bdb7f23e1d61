// NOP and its 128-byte form (io_uring/nop.c at v7.2).

import { EBADF, EFAULT, EINVAL } from "../../../base/index.ts";
import { IORING_NOP, IORING_SETUP, IORING_CQE_F } from "../../abi/index.ts";
import { queueTaskComplete, setFail } from "../completion.ts";
import { fixedFile, requestFile } from "../fd-table.ts";
import { IOU_COMPLETE, IOU_ISSUE_SKIP_COMPLETE, REQ_F, type OpRow, type Request, type Ring } from "../state.ts";
import { SQE_ADDR, SQE_LEN, SQE_OFF, SQE_OPFLAGS, op, sqeBufIndex, sqeWord } from "./op.ts";

const { IORING_NOP_CQE32, IORING_NOP_FILE, IORING_NOP_FIXED_BUFFER, IORING_NOP_FIXED_FILE } = IORING_NOP;
const { IORING_NOP_INJECT_RESULT, IORING_NOP_TW } = IORING_NOP;
const NOP_FLAGS =
  IORING_NOP_CQE32 |
  IORING_NOP_FILE |
  IORING_NOP_FIXED_BUFFER |
  IORING_NOP_FIXED_FILE |
  IORING_NOP_INJECT_RESULT |
  IORING_NOP_TW;

function prepNop(ring: Ring, req: Request, sqe: number): number {
  const flags = sqeWord(ring, sqe, SQE_OPFLAGS);
  if ((flags & ~NOP_FLAGS) !== 0) return -EINVAL;
  req.opFlags = flags;
  req.len = (flags & IORING_NOP_INJECT_RESULT) !== 0 ? sqeWord(ring, sqe, SQE_LEN) | 0 : 0;
  if (flags === 0) return 0;
  req.bufIndex = sqeBufIndex(ring, sqe);
  if ((flags & IORING_NOP_CQE32) !== 0) {
    if ((ring.flags & (IORING_SETUP.IORING_SETUP_CQE32 | IORING_SETUP.IORING_SETUP_CQE_MIXED)) === 0) return -EINVAL;
    req.extra1Low = sqeWord(ring, sqe, SQE_OFF);
    req.extra1High = sqeWord(ring, sqe, SQE_OFF + 1);
    req.extra2Low = sqeWord(ring, sqe, SQE_ADDR);
    req.extra2High = sqeWord(ring, sqe, SQE_ADDR + 1);
  }
  return 0;
}

function issueNop(ring: Ring, req: Request): number {
  const flags = req.opFlags;
  let res = req.len;
  if (flags !== 0) {
    if ((flags & IORING_NOP_FILE) !== 0) {
      const fixed = (flags & IORING_NOP_FIXED_FILE) !== 0;
      if (fixed) req.flags |= REQ_F.FIXED_FILE;
      req.file = fixed ? fixedFile(ring, req.fd) : requestFile(ring.machine, req.fd);
      if (req.file === null) res = -EBADF;
      else req.file.refs++;
    }
    const lacksFile = (flags & IORING_NOP_FILE) !== 0 && req.file === null;
    if (!lacksFile && (flags & IORING_NOP_FIXED_BUFFER) !== 0 && !ring.buffers[req.bufIndex]) res = -EFAULT;
  }
  if (res < 0) setFail(req);
  req.res = res;
  req.cflags = 0;
  if ((flags & IORING_NOP_CQE32) !== 0) {
    req.flags |= REQ_F.CQE_32;
    if ((ring.flags & IORING_SETUP.IORING_SETUP_CQE_MIXED) !== 0) req.cflags = IORING_CQE_F.IORING_CQE_F_32;
  }
  if ((flags & IORING_NOP_TW) !== 0) {
    const { cflags } = req;
    queueTaskComplete(ring, req, res);
    req.cflags = cflags;
    return IOU_ISSUE_SKIP_COMPLETE;
  }
  return IOU_COMPLETE;
}

export const NOP_OPS: readonly OpRow[] = [
  op("IORING_OP_NOP", "all of nop_flags", prepNop, issueNop),
  op("IORING_OP_NOP128", "as NOP", prepNop, issueNop, { is128: true }),
];
