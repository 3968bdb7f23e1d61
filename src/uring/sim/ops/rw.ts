// Reads and writes: plain, vectored, fixed, multishot (io_uring/rw.c at v7.2). Left out: block integrity attributes,
// RWF_ATOMIC and RWF_DONTCACHE, polled I/O, real direct I/O (O_DIRECT files are read like others).

import { EAGAIN, EBADF, EBADFD, EFAULT, EINVAL, ENOBUFS, EOPNOTSUPP, EPIPE, ESPIPE } from "../../../base/index.ts";
import { IORING_CQE_F, O, RWF } from "../../abi/index.ts";
import { postMultishot, setFail } from "../completion.ts";
import { mustSelect, putBuffer, recycleBuffer, selectBuffer } from "../kbuf.ts";
import { NOT_USER } from "../memory.ts";
import {
  IOU_COMPLETE,
  IOU_ISSUE_SKIP_COMPLETE,
  IOU_STOP_MULTISHOT,
  ISSUE_MULTISHOT,
  ISSUE_NONBLOCK,
  REQ_F,
  WORK_COMPLETE,
  type OpRow,
  type OpenFile,
  type Request,
  type Ring,
} from "../state.ts";
import { addTaskWork } from "../task-queue.ts";
import { pollExecute, takePoll } from "../wake.ts";
import { readSegments, totalLength, MAX_RW_COUNT } from "../segments.ts";
import {
  SQE_ADDR,
  SQE_ADDR3,
  SQE_LEN,
  SQE_OFF,
  SQE_OPFLAGS,
  SQE_PAD2,
  op,
  sqeAddress,
  sqeBufIndex,
  sqeHas64,
  sqeSigned64,
  sqeUnsigned64,
  sqeWord,
} from "./op.ts";

const { RWF_APPEND, RWF_DSYNC, RWF_HIPRI, RWF_NOWAIT, RWF_SYNC } = RWF;
const RWF_NOAPPEND = 0x20;
const RWF_ATOMIC = 0x40;
const RWF_DONTCACHE = 0x80;
const RWF_NOSIGNAL = 0x100;
const RWF_SUPPORTED =
  RWF_HIPRI | RWF_DSYNC | RWF_SYNC | RWF_NOWAIT | RWF_APPEND | RWF_NOAPPEND | RWF_ATOMIC | RWF_DONTCACHE | RWF_NOSIGNAL;

/** ioprio_check_cap() for root: class and level must exist. */
function checkIoprio(ioprio: number): number {
  const level = ioprio & 7;
  switch (ioprio >>> 13) {
    case 0:
      return level !== 0 ? -EINVAL : 0;
    case 1:
    case 2:
      return level < 8 ? 0 : -EINVAL;
    case 3:
      return 0;
    default:
      return -EINVAL;
  }
}

function prepCommon(ring: Ring, req: Request, sqe: number): number {
  req.off = sqeSigned64(ring, sqe, SQE_OFF);
  const ioprio = sqeWord(ring, sqe, 0) >>> 16;
  if (ioprio !== 0) {
    const ret = checkIoprio(ioprio);
    if (ret !== 0) return ret;
  }
  if ((req.flags & REQ_F.BUFFER_SELECT) === 0) req.bufIndex = sqeBufIndex(ring, sqe);
  req.at = sqeAddress(ring, sqe, SQE_ADDR);
  req.len = sqeWord(ring, sqe, SQE_LEN);
  req.opFlags = sqeWord(ring, sqe, SQE_OPFLAGS);
  req.segments = null;
  if (sqeHas64(ring, sqe, SQE_PAD2)) {
    const mask = sqeUnsigned64(ring, sqe, SQE_PAD2);
    // attr_type_mask: protection information, which no file here carries.
    return mask === 1 ? (sqeHas64(ring, sqe, SQE_ADDR3) ? -EINVAL : -EFAULT) : -EINVAL;
  }
  return 0;
}

function prepRead(ring: Ring, req: Request, sqe: number): number {
  const ret = prepCommon(ring, req, sqe);
  if (ret !== 0) return ret;
  if ((req.flags & REQ_F.BUFFER_SELECT) !== 0) return 0;
  req.len = Math.min(req.len, MAX_RW_COUNT);
  return req.at === NOT_USER ? -EFAULT : 0;
}

function prepVectored(ring: Ring, req: Request, sqe: number): number {
  const ret = prepCommon(ring, req, sqe);
  if (ret !== 0) return ret;
  if ((req.flags & REQ_F.BUFFER_SELECT) !== 0) {
    if (req.len !== 1) return -EINVAL;
    const { memory } = ring.machine;
    if (!memory.covers(req.at, 16)) return -EFAULT;
    req.len = memory.view.getUint32(req.at + 8, true);
    return 0;
  }
  return readSegments(ring, req, req.at, req.len);
}

function prepFixed(ring: Ring, req: Request, sqe: number): number {
  return prepCommon(ring, req, sqe);
}

function prepMultishot(ring: Ring, req: Request, sqe: number): number {
  if ((req.flags & REQ_F.BUFFER_SELECT) === 0) return -EINVAL;
  const ret = prepCommon(ring, req, sqe);
  if (ret !== 0) return ret;
  if (sqeHas64(ring, sqe, SQE_ADDR) || req.len !== 0) return -EINVAL;
  req.flags |= REQ_F.APOLL_MULTISHOT;
  return 0;
}

/** The fixed buffer of the request contains [at, at+len); 0 or a negative errno. */
function importFixed(ring: Ring, req: Request): number {
  const buffer = ring.buffers[req.bufIndex];
  if (!buffer) return -EFAULT;
  if (req.len > MAX_RW_COUNT) return -EFAULT;
  if (req.at < buffer.at || req.at + req.len > buffer.at + buffer.length) return -EFAULT;
  return 0;
}

/** FMODE_NOWAIT. */
function supportsNowait(file: OpenFile): boolean {
  return file.nowait && file.kind !== "directory";
}

function initFile(req: Request, wanted: number): number {
  const file = req.file!;
  const mode = file.flags & O.O_ACCMODE;
  if ((file.flags & O.O_PATH) !== 0 || (mode !== 2 && mode !== wanted)) return -EBADF;
  const flags = req.opFlags;
  if (flags !== 0) {
    if ((flags & ~RWF_SUPPORTED) !== 0) return -EOPNOTSUPP;
    if ((flags & RWF_APPEND) !== 0 && (flags & RWF_NOAPPEND) !== 0) return -EINVAL;
    if ((flags & RWF_NOWAIT) !== 0 && !supportsNowait(file)) return -EOPNOTSUPP;
    if ((flags & RWF_ATOMIC) !== 0) return -EOPNOTSUPP;
    if ((flags & RWF_DONTCACHE) !== 0 && file.kind !== "regular") return -EOPNOTSUPP;
    if ((flags & RWF_HIPRI) !== 0) return -EINVAL;
  }
  if ((flags & RWF_NOWAIT) !== 0 || ((file.flags & O.O_NONBLOCK) !== 0 && !file.nowait)) req.flags |= REQ_F.NOWAIT;
  return 0;
}

/** Moves one run of bytes or a vector of them; a count or a negative errno. */
function transfer(ring: Ring, req: Request, write: boolean, offset: number): number {
  const { memory } = ring.machine;
  const file = req.file!;
  const { segments } = req;
  if (segments === null) {
    const length = req.limit > 0 ? Math.min(req.len, req.limit) : req.len;
    if (write && file.kind === "pipe" && length > 0 && !memory.covers(req.at, length))
      return pipeFault(ring, req, [req.at, length]);
    return write ? file.write(memory, req.at, length, offset) : file.read(memory, req.at, length, offset);
  }
  if (write && file.kind === "pipe") {
    for (let i = 0; i < segments.length; i += 2) {
      if (segments[i + 1] > 0 && !memory.covers(segments[i], segments[i + 1])) return pipeFault(ring, req, segments);
    }
  }
  if (req.limit === 0) {
    if (write && file.writeVector !== undefined) return file.writeVector(memory, segments);
    if (!write && file.readVector !== undefined) return file.readVector(memory, segments);
  }
  return transferVector(ring, req, segments, write, offset);
}

/** Pipes take whole pages: what a fault interrupts is lost, pages before it are written. */
function pipeFault(ring: Ring, req: Request, segments: readonly number[]): number {
  const { memory } = ring.machine;
  const pages: number[] = [];
  let mapped = 0;
  for (let i = 0; i < segments.length; i += 2) {
    const count = memory.reachable(segments[i], segments[i + 1]);
    pages.push(segments[i], count);
    mapped += count;
    if (count < segments[i + 1]) break;
  }
  let whole = Math.floor(mapped / 4096) * 4096;
  if (whole === 0) {
    if ((req.file!.poll() & 8) !== 0) return -EPIPE;
    return req.file!.write(memory, -1, 1, 0);
  }
  for (let i = 1; i < pages.length; i += 2) {
    pages[i] = Math.min(pages[i], whole);
    whole -= pages[i];
  }
  return transferVector(ring, req, pages, true, 0);
}

/** As transfer, run by run; a short one ends it. */
function transferVector(ring: Ring, req: Request, segments: readonly number[], write: boolean, offset: number): number {
  const { memory } = ring.machine;
  const file = req.file!;
  let done = 0;
  let room = req.limit > 0 ? req.limit : MAX_RW_COUNT;
  for (let i = 0; i < segments.length && room > 0; i += 2) {
    const length = Math.min(segments[i + 1], room);
    if (length === 0) continue;
    const count = write
      ? file.write(memory, segments[i], length, offset + done)
      : file.read(memory, segments[i], length, offset + done);
    if (count < 0) return done > 0 ? done : count;
    done += count;
    room -= count;
    if (count < length) break;
  }
  return done;
}

function wantedLength(req: Request): number {
  return req.segments === null ? req.len : totalLength(req.segments);
}

/** One attempt: the count, or a negative errno; -EAGAIN means wait or hand over. */
function attempt(ring: Ring, req: Request, write: boolean, issueFlags: number): number {
  if (!write && mustSelect(req) && !selectBuffer(ring, req, req.len, issueFlags)) return -ENOBUFS;
  const ret = initFile(req, write ? 1 : 0);
  if (ret !== 0) return ret;
  const file = req.file!;
  if ((issueFlags & ISSUE_NONBLOCK) !== 0) {
    if (!supportsNowait(file) && !(file.pollable && (file.poll() & (write ? 4 : 1)) !== 0)) return -EAGAIN;
    if (write && file.writeAlwaysAsync) return -EAGAIN;
  }
  let offset = req.off;
  if (offset < -1) return -EINVAL;
  const current = offset === -1 && !file.stream;
  if (current) offset = file.position;
  else if (offset === -1) offset = 0;
  const length = wantedLength(req);
  if (length > 0 && offset + length > Number.MAX_SAFE_INTEGER) return -EINVAL;
  req.tried = true;
  if (offset > 0 && file.kind === "socket") return -ESPIPE;
  const append = write && (req.opFlags & RWF_APPEND) !== 0 && (file.flags & O.O_APPEND) === 0;
  const { flags } = file;
  if (append) file.flags |= O.O_APPEND;
  if ((req.opFlags & RWF_NOAPPEND) !== 0) file.flags &= ~O.O_APPEND;
  const count = transfer(ring, req, write, offset);
  file.flags = flags;
  if (count >= 0 && current) {
    const appended = write && (append || (file.flags & O.O_APPEND) !== 0);
    file.position = appended && "size" in file ? (file as unknown as { size(): number }).size() : offset + count;
  }
  return count;
}

function finish(ring: Ring, req: Request, count: number): number {
  if (count !== wantedLength(req)) setFail(req);
  req.res = count;
  req.cflags = putBuffer(ring, req, count);
  return IOU_COMPLETE;
}

function issueRead(ring: Ring, req: Request, issueFlags: number): number {
  const count = attempt(ring, req, false, issueFlags);
  if (count >= 0) return finish(ring, req, count);
  // a buffer of a ring goes back, one of a list stays the request's
  if ((req.flags & REQ_F.BUFFERS_COMMIT) !== 0) recycleBuffer(req);
  if (count === -EAGAIN) again(req, issueFlags);
  return count;
}

/** After -EAGAIN: a worker at a file opened O_NONBLOCK has its answer. */
function again(req: Request, issueFlags: number): void {
  if ((issueFlags & ISSUE_NONBLOCK) === 0 && (req.file!.flags & O.O_NONBLOCK) !== 0) req.flags |= REQ_F.NOWAIT;
}

function issueWrite(ring: Ring, req: Request, issueFlags: number): number {
  req.tried = false;
  const count = attempt(ring, req, true, issueFlags);
  if (count === -EAGAIN) again(req, issueFlags);
  else if (count < 0 && req.tried) {
    // The error of a write comes by way of the file's completion: as task work.
    setFail(req);
    req.res = req.done > 0 ? req.done : count;
    req.cflags = 0;
    req.workKind = WORK_COMPLETE;
    addTaskWork(ring, req, true);
    return IOU_ISSUE_SKIP_COMPLETE;
  }
  return count < 0 ? count : finish(ring, req, count);
}

function issueReadFixed(ring: Ring, req: Request, issueFlags: number): number {
  const ret = importFixed(ring, req);
  return ret === 0 ? issueRead(ring, req, issueFlags) : ret;
}

function issueWriteFixed(ring: Ring, req: Request, issueFlags: number): number {
  const ret = importFixed(ring, req);
  return ret === 0 ? issueWrite(ring, req, issueFlags) : ret;
}

function issueReadMultishot(ring: Ring, req: Request, issueFlags: number): number {
  if (!req.file!.pollable) return -EBADFD;
  const count = attempt(ring, req, false, issueFlags);
  let flags = 0;
  if (count === -EAGAIN) {
    recycleBuffer(req);
    req.len = 0;
    return (issueFlags & ISSUE_MULTISHOT) !== 0 ? IOU_ISSUE_SKIP_COMPLETE : -EAGAIN;
  }
  if (count <= 0) {
    recycleBuffer(req);
    if (count < 0) setFail(req);
  } else {
    flags = putBuffer(ring, req, count);
    req.len = 0;
    if (postMultishot(ring, req, count, flags | IORING_CQE_F.IORING_CQE_F_MORE)) {
      if ((issueFlags & ISSUE_MULTISHOT) === 0) return -EAGAIN;
      // There may be more to read: look again in a further round of task work.
      if (takePoll(req)) pollExecute(req, 0);
      return IOU_ISSUE_SKIP_COMPLETE;
    }
  }
  req.res = count;
  req.cflags = flags;
  return (issueFlags & ISSUE_MULTISHOT) !== 0 ? IOU_STOP_MULTISHOT : IOU_COMPLETE;
}

const READS = { needsFile: true, pollin: true, ioprio: true } as const;
const WRITES = { needsFile: true, pollout: true, ioprio: true, hashRegFile: true } as const;
const RW =
  "files, pipes, sockets, eventfds; RWF_NOWAIT, RWF_APPEND; not RWF_ATOMIC, RWF_DONTCACHE, integrity attributes";

export const RW_OPS: readonly OpRow[] = [
  op("IORING_OP_READ", RW, prepRead, issueRead, { ...READS, bufferSelect: true }),
  op("IORING_OP_WRITE", RW, prepRead, issueWrite, WRITES),
  op("IORING_OP_READV", RW, prepVectored, issueRead, { ...READS, bufferSelect: true }),
  op("IORING_OP_WRITEV", RW, prepVectored, issueWrite, WRITES),
  op("IORING_OP_READ_FIXED", RW, prepFixed, issueReadFixed, READS),
  op("IORING_OP_WRITE_FIXED", RW, prepFixed, issueWriteFixed, WRITES),
  op("IORING_OP_READ_MULTISHOT", "pipes, sockets, eventfds", prepMultishot, issueReadMultishot, {
    needsFile: true,
    pollin: true,
    bufferSelect: true,
  }),
];
