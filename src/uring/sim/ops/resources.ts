// Requests on what a ring has registered, and those that make descriptors: PROVIDE_BUFFERS, REMOVE_BUFFERS, FILES_UPDATE,
// FIXED_FD_INSTALL, PIPE (io_uring/kbuf.c, rsrc.c, openclose.c at v7.2).

import { E2BIG, EBADF, EFAULT, EINVAL, ENOENT, ENOPKG, ENXIO, EOVERFLOW } from "../../../base/index.ts";
import { IORING_MISC, IORING_REGISTER_FLAGS, O } from "../../abi/index.ts";
import { installFile, normalFile, setFixedFile } from "../fd-table.ts";
import { installResult, removeFixed } from "../fixed-file.ts";
import { closeFd } from "../fd-table.ts";
import { UNMAPPED, isUserRange } from "../memory.ts";
import { makePipe } from "../pipe.ts";
import { REQ_F, type BufferList, type OpRow, type Request, type Ring } from "../state.ts";
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
  sqeHas64,
  sqeUnsigned64,
  sqeWord,
  complete,
} from "./op.ts";
import { MAX_RW_COUNT } from "../segments.ts";

const MAX_BIDS = 65_536;

/** An empty list of provided buffers. */
export function newBufferList(bgid: number): BufferList {
  return { bgid, buffers: [], ringAt: -1, mask: 0, head: 0, incremental: false, allocated: 0 };
}

function prepProvide(ring: Ring, req: Request, sqe: number): number {
  if (sqeWord(ring, sqe, SQE_OPFLAGS) !== 0 || sqeWord(ring, sqe, SQE_FILE_INDEX) !== 0) return -EINVAL;
  const count = sqeWord(ring, sqe, SQE_FD);
  if (count === 0 || count > MAX_BIDS) return -E2BIG;
  req.at = sqeAddress(ring, sqe, SQE_ADDR);
  req.len = sqeWord(ring, sqe, SQE_LEN);
  if (req.len === 0) return -EINVAL;
  const address = sqeUnsigned64(ring, sqe, SQE_ADDR);
  const size = req.len * count;
  if (address + size >= 2 ** 64) return -EOVERFLOW;
  if (!isUserRange(address, size)) return -EFAULT;
  req.bufIndex = sqeBufIndex(ring, sqe);
  const first = sqeUnsigned64(ring, sqe, SQE_OFF);
  if (first > 0xffff) return -E2BIG;
  if (first + count > MAX_BIDS) return -EINVAL;
  req.off = first;
  req.opFlags = count;
  return 0;
}

function issueProvide(ring: Ring, req: Request): number {
  let list = ring.bufferLists.get(req.bufIndex);
  if (list === undefined) {
    list = newBufferList(req.bufIndex);
    ring.bufferLists.set(req.bufIndex, list);
  }
  if (list.ringAt >= 0) return complete(req, -EINVAL);
  const length = Math.min(req.len, MAX_RW_COUNT);
  for (let i = 0; i < req.opFlags; i++) {
    const at = req.at >= 0 ? req.at + i * req.len : i === 0 ? req.at : UNMAPPED;
    list.buffers.push([at, length, (req.off + i) & 0xffff]);
  }
  return complete(req, 0);
}

function prepRemove(ring: Ring, req: Request, sqe: number): number {
  if (
    sqeWord(ring, sqe, SQE_OPFLAGS) !== 0 ||
    sqeHas64(ring, sqe, SQE_ADDR) ||
    sqeWord(ring, sqe, SQE_LEN) !== 0 ||
    sqeHas64(ring, sqe, SQE_OFF) ||
    sqeWord(ring, sqe, SQE_FILE_INDEX) !== 0
  ) {
    return -EINVAL;
  }
  const count = sqeWord(ring, sqe, SQE_FD);
  if (count === 0 || count > MAX_BIDS) return -EINVAL;
  req.opFlags = count;
  req.bufIndex = sqeBufIndex(ring, sqe);
  return 0;
}

function issueRemove(ring: Ring, req: Request): number {
  const list = ring.bufferLists.get(req.bufIndex);
  if (list === undefined) return complete(req, -ENOENT);
  if (list.ringAt >= 0) return complete(req, -EINVAL);
  return complete(req, list.buffers.splice(0, req.opFlags).length);
}

function prepFilesUpdate(ring: Ring, req: Request, sqe: number): number {
  if ((req.flags & (REQ_F.FIXED_FILE | REQ_F.BUFFER_SELECT)) !== 0) return -EINVAL;
  if (sqeWord(ring, sqe, SQE_OPFLAGS) !== 0 || sqeWord(ring, sqe, SQE_FILE_INDEX) !== 0) return -EINVAL;
  req.off = sqeWord(ring, sqe, SQE_OFF);
  req.len = sqeWord(ring, sqe, SQE_LEN);
  if (req.len === 0) return -EINVAL;
  req.at = sqeAddress(ring, sqe, SQE_ADDR);
  return 0;
}

/** Replaces `count` fixed files from slot `offset` on by the descriptors at `at`; how many, or a negative errno. */
export function updateFiles(ring: Ring, offset: number, at: number, count: number): number {
  if (!ring.filesRegistered) return -ENXIO;
  if (offset + count > ring.files.length) return -EINVAL;
  const { machine } = ring;
  for (let done = 0; done < count; done++) {
    if (!machine.memory.covers(at + done * 4, 4) || at < 0) return done > 0 ? done : -EFAULT;
    const fd = machine.memory.view.getInt32(at + done * 4, true);
    if (fd === IORING_REGISTER_FLAGS.IORING_REGISTER_FILES_SKIP) continue;
    // what was there is gone even when the new one is refused
    setFixedFile(ring, offset + done, null);
    if (fd === -1) continue;
    const file = normalFile(machine, fd);
    if (file === null || file.kind === "ring") return done > 0 ? done : -EBADF;
    file.refs++;
    setFixedFile(ring, offset + done, file);
  }
  return count;
}

/** IORING_FILE_INDEX_ALLOC: takes free slots and writes their numbers back. */
function allocFiles(ring: Ring, at: number, count: number): number {
  if (!ring.filesRegistered) return -ENXIO;
  const { machine } = ring;
  for (let done = 0; done < count; done++) {
    if (at < 0 || !machine.memory.covers(at + done * 4, 4)) return done > 0 ? done : -EFAULT;
    const file = normalFile(machine, machine.memory.view.getInt32(at + done * 4, true));
    if (file === null) return done > 0 ? done : -EBADF;
    file.refs++;
    const slot = installResult(ring, file, IORING_MISC.IORING_FILE_INDEX_ALLOC);
    if (slot < 0) return done > 0 ? done : slot;
    machine.memory.view.setInt32(at + done * 4, slot, true);
  }
  return count;
}

function issueFilesUpdate(ring: Ring, req: Request): number {
  const alloc = req.off === IORING_MISC.IORING_FILE_INDEX_ALLOC;
  if (!alloc && req.off + req.len > 0xffff_ffff) return complete(req, -EOVERFLOW);
  return complete(req, alloc ? allocFiles(ring, req.at, req.len) : updateFiles(ring, req.off, req.at, req.len));
}

function prepInstall(ring: Ring, req: Request, sqe: number): number {
  if (
    sqeHas64(ring, sqe, SQE_OFF) ||
    sqeHas64(ring, sqe, SQE_ADDR) ||
    sqeWord(ring, sqe, SQE_LEN) !== 0 ||
    sqeBufIndex(ring, sqe) !== 0 ||
    sqeWord(ring, sqe, SQE_FILE_INDEX) !== 0 ||
    sqeHas64(ring, sqe, SQE_ADDR3)
  ) {
    return -EINVAL;
  }
  if ((req.flags & REQ_F.FIXED_FILE) === 0) return -EBADF;
  return (sqeWord(ring, sqe, SQE_OPFLAGS) & ~IORING_MISC.IORING_FIXED_FD_NO_CLOEXEC) !== 0 ? -EINVAL : 0;
}

function issueInstall(ring: Ring, req: Request): number {
  const file = req.file!;
  file.refs++;
  return complete(req, installFile(ring.machine, file));
}

const PIPE_FLAGS = O.O_CLOEXEC | O.O_NONBLOCK | O.O_DIRECT | O.O_EXCL;

function prepPipe(ring: Ring, req: Request, sqe: number): number {
  if (req.fd !== 0 || sqeHas64(ring, sqe, SQE_OFF) || sqeHas64(ring, sqe, SQE_ADDR3)) return -EINVAL;
  req.at = sqeAddress(ring, sqe, SQE_ADDR);
  req.opFlags = sqeWord(ring, sqe, SQE_OPFLAGS);
  if ((req.opFlags & ~PIPE_FLAGS) !== 0) return -EINVAL;
  req.fileSlot = sqeWord(ring, sqe, SQE_FILE_INDEX);
  return req.fileSlot !== 0 && (req.opFlags & O.O_CLOEXEC) !== 0 ? -EINVAL : 0;
}

function issuePipe(ring: Ring, req: Request): number {
  const { machine } = ring;
  // O_NOTIFICATION_PIPE: a kernel without CONFIG_WATCH_QUEUE
  if ((req.opFlags & O.O_EXCL) !== 0) return complete(req, -ENOPKG);
  const { reader, writer } = makePipe(req.opFlags);
  const slot = req.fileSlot;
  const alloc = slot === IORING_MISC.IORING_FILE_INDEX_ALLOC;
  const drop = (fd: number, at: number): void => {
    if (slot === 0) closeFd(machine, fd);
    else removeFixed(ring, alloc ? fd : at - 1);
  };
  const first = installResult(ring, reader, slot);
  if (first < 0) {
    writer.release();
    return complete(req, first);
  }
  const second = installResult(ring, writer, slot === 0 || alloc ? slot : slot + 1);
  if (second < 0) {
    drop(first, slot);
    return complete(req, second);
  }
  const numbers = slot === 0 || alloc ? [first, second] : [slot - 1, slot];
  if (!machine.memory.covers(req.at, 8)) {
    drop(first, slot);
    drop(second, slot + 1);
    return complete(req, -EFAULT);
  }
  machine.memory.view.setInt32(req.at, numbers[0], true);
  machine.memory.view.setInt32(req.at + 4, numbers[1], true);
  return complete(req, 0);
}

export const RESOURCE_OPS: readonly OpRow[] = [
  op("IORING_OP_PROVIDE_BUFFERS", "all", prepProvide, issueProvide),
  op("IORING_OP_REMOVE_BUFFERS", "all", prepRemove, issueRemove),
  op("IORING_OP_FILES_UPDATE", "all", prepFilesUpdate, issueFilesUpdate),
  op("IORING_OP_FIXED_FD_INSTALL", "all", prepInstall, issueInstall, { needsFile: true }),
  op("IORING_OP_PIPE", "without notification pipes", prepPipe, issuePipe),
];
