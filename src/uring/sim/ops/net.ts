// Socket requests (io_uring/net.c at v7.2). Left out: zero copy (SEND_ZC, SENDMSG_ZC, RECV_ZC), control messages,
// MSG_OOB and MSG_ERRQUEUE.

import { EAGAIN, ECONNRESET, EFAULT, EINVAL, EMSGSIZE, ENOBUFS, ENOTSOCK } from "../../../base/index.ts";
import {
  IORING_ACCEPT,
  IORING_CQE_F,
  IORING_MISC,
  IORING_OP,
  IORING_RECVSEND,
  MSG,
  O,
  SOCKET,
} from "../../abi/index.ts";
import { postMultishot, setFail } from "../completion.ts";
import { installResult } from "../fixed-file.ts";
import { mustSelect, putBuffer, recycleBuffer, selectBuffer, selectToSend } from "../kbuf.ts";
import { NOT_USER } from "../memory.ts";
import { readSegments, totalLength, MAX_RW_COUNT } from "../segments.ts";
import { SocketFile, checkSocket, parseAddress, type ReceiveInfo, type SocketAddress } from "../socket.ts";
import {
  IOU_COMPLETE,
  IOU_ISSUE_SKIP_COMPLETE,
  IOU_REQUEUE,
  IOU_STOP_MULTISHOT,
  ISSUE_IOWQ,
  ISSUE_MULTISHOT,
  ISSUE_NONBLOCK,
  REQ_F,
  type OpRow,
  type Request,
  type Ring,
} from "../state.ts";
import {
  SQE_ADDR,
  SQE_FILE_INDEX,
  SQE_LEN,
  SQE_OFF,
  SQE_OPFLAGS,
  op,
  sqeAddress,
  sqeBufIndex,
  sqeHas64,
  sqeWord,
  complete,
} from "./op.ts";

const {
  IORING_RECVSEND_BUNDLE,
  IORING_RECVSEND_POLL_FIRST,
  IORING_RECV_MULTISHOT,
  IORING_RECVSEND_FIXED_BUF,
  IORING_SEND_VECTORIZED,
} = IORING_RECVSEND;
const { IORING_ACCEPT_DONTWAIT, IORING_ACCEPT_MULTISHOT, IORING_ACCEPT_POLL_FIRST } = IORING_ACCEPT;
const { IORING_CQE_F_MORE, IORING_CQE_F_SOCK_NONEMPTY } = IORING_CQE_F;
const { MSG_DONTWAIT, MSG_TRUNC, MSG_WAITALL } = MSG;
const { SOCK_CLOEXEC, SOCK_NONBLOCK, SOCK_STREAM, SOCK_SEQPACKET } = SOCKET;
const MULTISHOT_MAX_RETRY = 32;
const RECVMSG_OUT = 16;

/** IORING_RECVSEND_POLL_FIRST: wait before the first attempt. A worker that nobody told to poll gives up. */
function mustPollFirst(req: Request, flag: number, issueFlags: number): boolean {
  if ((req.flags & REQ_F.POLLED) !== 0 || (req.ioFlags & flag) === 0) return false;
  if ((issueFlags & (ISSUE_IOWQ | ISSUE_NONBLOCK)) === ISSUE_IOWQ) req.flags |= REQ_F.NOWAIT;
  return true;
}

/** -EAGAIN is not the result: the request is tried again, by poll or, in a worker, by what stands for blocking. */
function wouldBlock(req: Request, socket: SocketFile, issueFlags: number): boolean {
  if ((issueFlags & ISSUE_NONBLOCK) !== 0) return true;
  return (req.opFlags & MSG_DONTWAIT) === 0 && (socket.flags & O.O_NONBLOCK) === 0;
}

function socketOf(req: Request): SocketFile | null {
  return req.file instanceof SocketFile ? req.file : null;
}

// ---- SOCKET, BIND, LISTEN, CONNECT, SHUTDOWN

function prepSocket(ring: Ring, req: Request, sqe: number): number {
  if (sqeHas64(ring, sqe, SQE_ADDR) || sqeWord(ring, sqe, SQE_OPFLAGS) !== 0 || sqeBufIndex(ring, sqe) !== 0)
    return -EINVAL;
  const type = sqeWord(ring, sqe, SQE_OFF) | 0;
  req.len = sqeWord(ring, sqe, SQE_LEN) | 0;
  req.fileSlot = sqeWord(ring, sqe, SQE_FILE_INDEX);
  const flags = type & ~0xf;
  if (req.fileSlot !== 0 && (flags & SOCK_CLOEXEC) !== 0) return -EINVAL;
  if ((flags & ~(SOCK_CLOEXEC | SOCK_NONBLOCK)) !== 0) return -EINVAL;
  req.opFlags = type;
  return 0;
}

function issueSocket(ring: Ring, req: Request): number {
  const type = req.opFlags & 0xf;
  const ret = checkSocket(req.fd, type, req.len);
  if (ret !== 0) return complete(req, ret);
  const { machine } = ring;
  const file = new SocketFile(machine, req.fd, type, req.opFlags & O.O_NONBLOCK, machine.network);
  return complete(req, installResult(ring, file, req.fileSlot));
}

/** CONNECT and BIND take an address in `addr` and its length in `addr2`. */
function prepAddress(ring: Ring, req: Request, sqe: number): number {
  if (
    sqeWord(ring, sqe, SQE_LEN) !== 0 ||
    sqeBufIndex(ring, sqe) !== 0 ||
    sqeWord(ring, sqe, SQE_OPFLAGS) !== 0 ||
    sqeWord(ring, sqe, SQE_FILE_INDEX) !== 0
  ) {
    return -EINVAL;
  }
  const length = sqeWord(ring, sqe, SQE_OFF) | 0;
  if (length < 0 || length > 128) return -EINVAL;
  const at = sqeAddress(ring, sqe, SQE_ADDR);
  const { memory } = ring.machine;
  if (length > 0 && !memory.covers(at, length)) return -EFAULT;
  // The address is copied now; what it means depends on the socket.
  req.data = memory.bytes.slice(at, at + length);
  return 0;
}

function addressOf(ring: Ring, req: Request, socket: SocketFile): SocketAddress | number {
  return addressFrom(ring, req.data as Uint8Array, socket.domain);
}

function addressFrom(_ring: Ring, bytes: Uint8Array, domain: number): SocketAddress | number {
  const view = {
    bytes,
    covers: (): boolean => true,
  };
  return parseAddress(view, 0, bytes.length, domain);
}

function issueConnect(ring: Ring, req: Request, issueFlags: number): number {
  if ((req.flags & REQ_F.FAIL) !== 0) return complete(req, -ECONNRESET);
  const socket = socketOf(req);
  if (socket === null) return complete(req, -ENOTSOCK);
  const ret = socket.connect(addressOf(ring, req, socket));
  if (ret === -EAGAIN && (issueFlags & ISSUE_NONBLOCK) !== 0) return -EAGAIN;
  return complete(req, ret);
}

function issueBind(ring: Ring, req: Request): number {
  const socket = socketOf(req);
  if (socket === null) return -ENOTSOCK;
  return complete(req, socket.bind(addressOf(ring, req, socket)));
}

function prepListen(ring: Ring, req: Request, sqe: number): number {
  if (
    sqeHas64(ring, sqe, SQE_ADDR) ||
    sqeBufIndex(ring, sqe) !== 0 ||
    sqeWord(ring, sqe, SQE_OPFLAGS) !== 0 ||
    sqeWord(ring, sqe, SQE_FILE_INDEX) !== 0 ||
    sqeHas64(ring, sqe, SQE_OFF)
  ) {
    return -EINVAL;
  }
  req.len = sqeWord(ring, sqe, SQE_LEN) | 0;
  return 0;
}

function issueListen(_ring: Ring, req: Request): number {
  const socket = socketOf(req);
  return socket === null ? -ENOTSOCK : complete(req, socket.listen(req.len));
}

function prepShutdown(ring: Ring, req: Request, sqe: number): number {
  if (
    sqeHas64(ring, sqe, SQE_OFF) ||
    sqeHas64(ring, sqe, SQE_ADDR) ||
    sqeWord(ring, sqe, SQE_OPFLAGS) !== 0 ||
    sqeBufIndex(ring, sqe) !== 0 ||
    sqeWord(ring, sqe, SQE_FILE_INDEX) !== 0
  ) {
    return -EINVAL;
  }
  req.len = sqeWord(ring, sqe, SQE_LEN) | 0;
  req.flags |= REQ_F.FORCE_ASYNC;
  return 0;
}

function issueShutdown(_ring: Ring, req: Request): number {
  const socket = socketOf(req);
  if (socket === null) return -ENOTSOCK;
  // The kernel completes this one without marking it failed.
  req.res = socket.shutdown(req.len);
  req.cflags = 0;
  return IOU_COMPLETE;
}

// ---- ACCEPT

function prepAccept(ring: Ring, req: Request, sqe: number): number {
  if (sqeWord(ring, sqe, SQE_LEN) !== 0 || sqeBufIndex(ring, sqe) !== 0) return -EINVAL;
  req.at = sqeHas64(ring, sqe, SQE_ADDR) ? sqeAddress(ring, sqe, SQE_ADDR) : NO_ADDRESS;
  req.off = sqeAddress(ring, sqe, SQE_OFF);
  req.opFlags = sqeWord(ring, sqe, SQE_OPFLAGS);
  req.ioFlags = sqeWord(ring, sqe, 0) >>> 16;
  if ((req.ioFlags & ~(IORING_ACCEPT_MULTISHOT | IORING_ACCEPT_DONTWAIT | IORING_ACCEPT_POLL_FIRST)) !== 0)
    return -EINVAL;
  req.fileSlot = sqeWord(ring, sqe, SQE_FILE_INDEX);
  const multishot = (req.ioFlags & IORING_ACCEPT_MULTISHOT) !== 0;
  if (req.fileSlot !== 0) {
    if ((req.opFlags & SOCK_CLOEXEC) !== 0) return -EINVAL;
    if (multishot && req.fileSlot !== IORING_MISC.IORING_FILE_INDEX_ALLOC) return -EINVAL;
  }
  if ((req.opFlags & ~(SOCK_CLOEXEC | SOCK_NONBLOCK)) !== 0) return -EINVAL;
  if (multishot) req.flags |= REQ_F.APOLL_MULTISHOT;
  if ((req.ioFlags & IORING_ACCEPT_DONTWAIT) !== 0) req.flags |= REQ_F.NOWAIT;
  return 0;
}

const NO_ADDRESS = -3;

/** Copies a peer's address out, as accept(2) and recvmsg(2) do: the length is read, and the true one written back. */
function putAddress(ring: Ring, address: SocketAddress | null, at: number, lengthAt: number): number {
  const { memory } = ring.machine;
  if (!memory.covers(lengthAt, 4)) return -EFAULT;
  const room = memory.view.getInt32(lengthAt, true);
  if (room < 0) return -EINVAL;
  const bytes = address === null ? new Uint8Array([1, 0]) : address.bytes;
  const count = Math.min(room, bytes.length);
  if (count > 0 && !memory.covers(at, count)) return -EFAULT;
  memory.bytes.set(bytes.subarray(0, count), at);
  memory.view.setInt32(lengthAt, bytes.length, true);
  return 0;
}

function acceptOne(ring: Ring, req: Request, socket: SocketFile): number {
  const accepted = socket.accept(req.opFlags);
  if (typeof accepted === "number") return accepted;
  if (req.at !== NO_ADDRESS) {
    const ret = putAddress(ring, accepted.remote, req.at, req.off);
    if (ret < 0) {
      accepted.release(ring.machine);
      return ret;
    }
  }
  return installResult(ring, accepted, req.fileSlot);
}

function issueAccept(ring: Ring, req: Request, issueFlags: number): number {
  if (mustPollFirst(req, IORING_ACCEPT_POLL_FIRST, issueFlags)) return -EAGAIN;
  const socket = socketOf(req);
  const multishotIssue = (issueFlags & ISSUE_MULTISHOT) !== 0;
  for (;;) {
    const ret = socket === null ? -ENOTSOCK : acceptOne(ring, req, socket);
    const nonblocking = (issueFlags & ISSUE_NONBLOCK) !== 0;
    const blocks = nonblocking || (socket !== null && (socket.flags & O.O_NONBLOCK) === 0);
    if (ret === -EAGAIN && blocks && (req.ioFlags & IORING_ACCEPT_DONTWAIT) === 0) {
      return multishotIssue ? IOU_ISSUE_SKIP_COMPLETE : -EAGAIN;
    }
    const inet = socket !== null && socket.domain !== SOCKET.AF_UNIX;
    const more = ret >= 0 && inet && socket.acceptable;
    const flags = more ? IORING_CQE_F_SOCK_NONEMPTY : 0;
    if (
      ret >= 0 &&
      (req.flags & REQ_F.APOLL_MULTISHOT) !== 0 &&
      postMultishot(ring, req, ret, flags | IORING_CQE_F_MORE)
    ) {
      if (more || !inet) continue;
      return multishotIssue ? IOU_ISSUE_SKIP_COMPLETE : -EAGAIN;
    }
    if (ret < 0) setFail(req);
    req.res = ret;
    req.cflags = flags;
    return multishotIssue ? IOU_STOP_MULTISHOT : IOU_COMPLETE;
  }
}

// ---- SEND, SENDMSG, RECV, RECVMSG

/** Offsets in struct msghdr. */
const MSG_NAME = 0;
const MSG_NAMELEN = 8;
const MSG_IOV = 16;
const MSG_IOVLEN = 24;
const MSG_CONTROLLEN = 40;

interface MessageData {
  /** sendmsg and sendto: the raw destination. recvmsg: where the name goes. */
  to: Uint8Array | null;
  nameAt: number;
  nameLength: number;
  controlLength: number;
  headerAt: number;
  loops: number;
  /** Bytes a multishot receive may bring yet in all. */
  left: number;
  /** At most so many bytes a message, behind the first; 0: as many as its buffer takes. */
  again: number;
}

function message(): MessageData {
  return {
    to: null,
    nameAt: NO_ADDRESS,
    nameLength: 0,
    controlLength: 0,
    headerAt: -1,
    loops: 0,
    left: Infinity,
    again: 0,
  };
}

function prepSend(ring: Ring, req: Request, sqe: number): number {
  const isMsg = req.opcode === IORING_OP.IORING_OP_SENDMSG;
  if (isMsg && (sqeHas64(ring, sqe, SQE_OFF) || sqeWord(ring, sqe, SQE_FILE_INDEX) !== 0)) return -EINVAL;
  req.len = sqeWord(ring, sqe, SQE_LEN);
  if (req.len > 0x7fff_ffff) return -EINVAL;
  req.ioFlags = sqeWord(ring, sqe, 0) >>> 16;
  const known = IORING_RECVSEND_POLL_FIRST | IORING_RECVSEND_BUNDLE | IORING_SEND_VECTORIZED;
  if ((req.ioFlags & ~known) !== 0) return -EINVAL;
  req.opFlags = sqeWord(ring, sqe, SQE_OPFLAGS);
  if ((req.opFlags & MSG_DONTWAIT) !== 0) req.flags |= REQ_F.NOWAIT;
  if ((req.ioFlags & IORING_RECVSEND_BUNDLE) !== 0) {
    if (isMsg || (req.flags & REQ_F.BUFFER_SELECT) === 0) return -EINVAL;
    req.opFlags |= MSG_WAITALL;
  }
  req.segments = null;
  const data = message();
  req.data = data;
  const { memory } = ring.machine;
  req.at = sqeAddress(ring, sqe, SQE_ADDR);
  if (isMsg) return readHeader(ring, req, data, true);
  const extra = sqeWord(ring, sqe, SQE_FILE_INDEX);
  if (extra >>> 16 !== 0) return -EINVAL;
  if (sqeHas64(ring, sqe, SQE_OFF)) {
    const length = extra & 0xffff;
    const at = sqeAddress(ring, sqe, SQE_OFF);
    if (length > 128) return -EINVAL;
    if (length > 0 && !memory.covers(at, length)) return -EFAULT;
    data.to = memory.bytes.slice(at, at + length);
  }
  if ((req.flags & REQ_F.BUFFER_SELECT) !== 0) return 0;
  if ((req.ioFlags & IORING_SEND_VECTORIZED) !== 0) return readSegments(ring, req, req.at, req.len);
  req.len = Math.min(req.len, MAX_RW_COUNT);
  return req.at === NOT_USER ? -EFAULT : 0;
}

/** Copies struct msghdr and its vectors. */
function readHeader(ring: Ring, req: Request, data: MessageData, sending: boolean): number {
  const { memory } = ring.machine;
  const at = req.at;
  data.headerAt = at;
  if (!memory.covers(at, 56)) return -EFAULT;
  const { view } = memory;
  const nameLength = view.getInt32(at + MSG_NAMELEN, true);
  const hasName = view.getBigUint64(at + MSG_NAME, true) !== 0n;
  if (nameLength < 0) return -EINVAL;
  data.nameLength = Math.min(nameLength, 128);
  data.controlLength = view.getUint32(at + MSG_CONTROLLEN, true);
  if (hasName) {
    data.nameAt = memory.locateAt(at + MSG_NAME);
    if (sending && data.nameLength > 0) {
      if (!memory.covers(data.nameAt, data.nameLength)) return -EFAULT;
      data.to = memory.bytes.slice(data.nameAt, data.nameAt + data.nameLength);
    }
  }
  if (!hasName || data.nameLength === 0) data.nameAt = NO_ADDRESS;
  const count = view.getBigUint64(at + MSG_IOVLEN, true);
  if (!sending && (req.flags & REQ_F.BUFFER_SELECT) !== 0) {
    if (count === 0n) req.len = 0;
    else if (count > 1n) return -EINVAL;
    else {
      const entry = memory.locateAt(at + MSG_IOV);
      if (!memory.covers(entry, 16)) return -EFAULT;
      req.len = view.getUint32(entry + 8, true);
    }
    return 0;
  }
  if (count > 1024n) return -EMSGSIZE;
  return readSegments(ring, req, memory.locateAt(at + MSG_IOV), Number(count));
}

/** The buffers of the request, `skip` bytes into them, at most the fault plan's limit. */
function vectorOf(req: Request, skip: number): number[] {
  const source = req.segments ?? [req.at, req.len];
  const out: number[] = [];
  let before = skip;
  let room = req.limit > 0 ? Math.max(0, req.limit - skip) : Infinity;
  for (let i = 0; i < source.length; i += 2) {
    const length = source[i + 1];
    if (before >= length) {
      before -= length;
      continue;
    }
    const take = Math.min(length - before, room);
    out.push(source[i] < 0 ? source[i] : source[i] + before, take);
    room -= take;
    before = 0;
  }
  return out;
}

function retries(socket: SocketFile, flags: number): boolean {
  return (flags & MSG_WAITALL) !== 0 && (socket.type === SOCK_STREAM || socket.type === SOCK_SEQPACKET);
}

function issueSend(ring: Ring, req: Request, issueFlags: number): number {
  const socket = socketOf(req);
  if (socket === null) return -ENOTSOCK;
  if (mustPollFirst(req, IORING_RECVSEND_POLL_FIRST, issueFlags)) return -EAGAIN;
  if (mustSelect(req)) {
    const ret = selectToSend(ring, req, req.len);
    if (ret < 0) return ret;
  }
  const data = req.data as MessageData;
  const segments = vectorOf(req, req.done);
  const min = (req.opFlags & MSG_WAITALL) !== 0 ? totalLength(segments) : 0;
  const to = data.to === null || data.to.length === 0 ? null : addressFrom(ring, data.to, socket.domain);
  let ret = socket.send(ring.machine.memory, segments, req.opFlags, to);
  if (ret < min || ret < 0) {
    if (ret === -EAGAIN && wouldBlock(req, socket, issueFlags)) return -EAGAIN;
    if (ret > 0 && retries(socket, req.opFlags)) {
      req.done += ret;
      req.flags |= REQ_F.BL_NO_RECYCLE;
      return -EAGAIN;
    }
    setFail(req);
  }
  if (ret >= 0) ret += req.done;
  else if (req.done > 0) ret = req.done;
  req.cflags = putBuffer(ring, req, ret);
  req.res = ret;
  return IOU_COMPLETE;
}

function prepReceive(ring: Ring, req: Request, sqe: number): number {
  const isMsg = req.opcode === IORING_OP.IORING_OP_RECVMSG;
  if (sqeHas64(ring, sqe, SQE_OFF)) return -EINVAL;
  // optlen: a limit of the whole multishot receive.
  const optlen = sqeWord(ring, sqe, SQE_FILE_INDEX);
  if (isMsg && optlen !== 0) return -EINVAL;
  req.at = sqeAddress(ring, sqe, SQE_ADDR);
  req.len = sqeWord(ring, sqe, SQE_LEN);
  if (req.len > 0x7fff_ffff) return -EINVAL;
  req.ioFlags = sqeWord(ring, sqe, 0) >>> 16;
  const known = IORING_RECVSEND_POLL_FIRST | IORING_RECV_MULTISHOT | IORING_RECVSEND_BUNDLE;
  if ((req.ioFlags & ~known) !== 0 || (req.ioFlags & IORING_RECVSEND_FIXED_BUF) !== 0) return -EINVAL;
  req.opFlags = sqeWord(ring, sqe, SQE_OPFLAGS);
  if ((req.opFlags & MSG_DONTWAIT) !== 0) req.flags |= REQ_F.NOWAIT;
  const select = (req.flags & REQ_F.BUFFER_SELECT) !== 0;
  if ((req.ioFlags & IORING_RECV_MULTISHOT) !== 0) {
    if (!select || (req.opFlags & MSG_WAITALL) !== 0) return -EINVAL;
    req.flags |= REQ_F.APOLL_MULTISHOT;
  } else if (optlen !== 0) return -EINVAL;
  if ((req.ioFlags & IORING_RECVSEND_BUNDLE) !== 0 && isMsg) return -EINVAL;
  req.segments = null;
  req.off = req.len;
  const data = message();
  if (optlen !== 0) data.left = optlen;
  req.data = data;
  if (isMsg) {
    const ret = readHeader(ring, req, data, false);
    req.off = req.len;
    return ret;
  }
  data.again = req.len;
  if (select) return 0;
  req.len = Math.min(req.len, MAX_RW_COUNT);
  return req.at === NOT_USER ? -EFAULT : 0;
}

/** What one attempt brought. `ended`: no payload, so that a multishot receive is over. */
interface Received extends ReceiveInfo {
  ended: boolean;
}

/** Receives once into the request's buffers; for multishot RECVMSG with the header that goes before the payload. */
function receiveOnce(ring: Ring, req: Request, socket: SocketFile, data: MessageData, info: Received): number {
  const { memory } = ring.machine;
  if (req.opcode !== IORING_OP.IORING_OP_RECVMSG || (req.flags & REQ_F.APOLL_MULTISHOT) === 0) {
    const count = socket.receive(memory, vectorOf(req, req.done), req.opFlags, info);
    info.ended = count <= 0;
    return count;
  }
  const header = RECVMSG_OUT + data.nameLength + data.controlLength;
  if (req.len < header) return -EFAULT;
  const payload = req.len - header;
  const ret = socket.receive(memory, [req.at + header, payload], req.opFlags, info);
  info.ended = ret <= 0;
  if (ret < 0) return ret;
  const name = info.from?.bytes ?? new Uint8Array(0);
  memory.view.setUint32(req.at, name.length, true);
  memory.view.setUint32(req.at + 4, 0, true);
  memory.view.setUint32(req.at + 8, ret, true);
  memory.view.setUint32(req.at + 12, info.truncated ? MSG_TRUNC : 0, true);
  memory.bytes.set(name.subarray(0, data.nameLength), req.at + RECVMSG_OUT);
  // the header counts even when nothing follows it
  return header + Math.min(ret, payload);
}

function issueReceive(ring: Ring, req: Request, issueFlags: number): number {
  const socket = socketOf(req);
  if (mustPollFirst(req, IORING_RECVSEND_POLL_FIRST, issueFlags)) return -EAGAIN;
  if (socket === null) return -ENOTSOCK;
  const data = (req.data as MessageData | null) ?? message();
  const multishotIssue = (issueFlags & ISSUE_MULTISHOT) !== 0;
  const multishot = (req.flags & REQ_F.APOLL_MULTISHOT) !== 0;
  for (;;) {
    if (mustSelect(req)) {
      if (!selectBuffer(ring, req, req.off, issueFlags)) {
        if (req.opcode === IORING_OP.IORING_OP_RECVMSG) return -ENOBUFS;
        recycleBuffer(req);
        return finishReceive(ring, req, -ENOBUFS, socket, issueFlags);
      }
      // a later buffer, should this one go back, is not filled further than this one would have been
      if (req.opcode === IORING_OP.IORING_OP_RECV) req.off = req.len;
    }
    const segments = vectorOf(req, req.done);
    const min = (req.opFlags & MSG_WAITALL) !== 0 ? totalLength(segments) : 0;
    const info: Received = { from: null, truncated: false, ended: true };
    let ret = receiveOnce(ring, req, socket, data, info);
    if (ret < min || ret < 0) {
      if (ret === -EAGAIN && wouldBlock(req, socket, issueFlags)) {
        // a worker that blocks holds its buffer
        if ((issueFlags & (ISSUE_IOWQ | ISSUE_NONBLOCK)) !== ISSUE_IOWQ) recycleBuffer(req);
        if (multishotIssue) {
          return IOU_ISSUE_SKIP_COMPLETE;
        }
        return -EAGAIN;
      }
      if (ret > 0 && retries(socket, req.opFlags)) {
        req.done += ret;
        req.flags |= REQ_F.BL_NO_RECYCLE;
        return -EAGAIN;
      }
      setFail(req);
    } else if ((req.opFlags & MSG_WAITALL) !== 0 && info.truncated) setFail(req);
    if (ret >= 0 && !multishot && req.opcode === IORING_OP.IORING_OP_RECVMSG && data.headerAt >= 0) {
      writeBack(ring, data, info);
    }
    if (ret > 0) ret += req.done;
    else if (req.done > 0) ret = req.done;
    else recycleBuffer(req);
    if (ret > 0) data.left -= ret;
    if (!multishot || info.ended || data.left <= 0) return finishReceive(ring, req, ret, socket, issueFlags);
    const inq = socket.isStream ? socket.readable : 0;
    const flags = (inq > 0 ? IORING_CQE_F_SOCK_NONEMPTY : 0) | putBuffer(ring, req, ret);
    if (!postMultishot(ring, req, ret, (flags | IORING_CQE_F_MORE) >>> 0)) {
      req.res = ret;
      req.cflags = flags >>> 0;
      return multishotIssue ? IOU_STOP_MULTISHOT : IOU_COMPLETE;
    }
    req.done = 0;
    req.off = data.again;
    // sockets of messages do not tell how much more there is: look again
    const mayBeMore = inq > 0 || !socket.isStream;
    if (mayBeMore && data.loops++ < MULTISHOT_MAX_RETRY) continue;
    if (!multishotIssue) {
      if (mayBeMore) data.loops = 0;
      return -EAGAIN;
    }
    if (!mayBeMore) return IOU_ISSUE_SKIP_COMPLETE;
    data.loops = 0;
    return IOU_REQUEUE;
  }
}

/** What recvmsg(2) writes into the caller's header. */
function writeBack(ring: Ring, data: MessageData, info: ReceiveInfo): void {
  const { memory } = ring.machine;
  const { view } = memory;
  const at = data.headerAt;
  const name = info.from?.bytes ?? new Uint8Array(0);
  if (data.nameAt !== NO_ADDRESS) {
    const count = Math.min(name.length, data.nameLength);
    if (memory.covers(data.nameAt, count)) memory.bytes.set(name.subarray(0, count), data.nameAt);
    view.setUint32(at + MSG_NAMELEN, name.length, true);
  }
  view.setUint32(at + 48, info.truncated ? MSG_TRUNC : 0, true);
  view.setBigUint64(at + MSG_CONTROLLEN, 0n, true);
}

function finishReceive(ring: Ring, req: Request, res: number, socket: SocketFile, issueFlags: number): number {
  if (res < 0) setFail(req);
  const nonempty = res >= 0 && socket.isStream && socket.readable > 0 ? IORING_CQE_F_SOCK_NONEMPTY : 0;
  req.cflags = (nonempty | putBuffer(ring, req, res)) >>> 0;
  req.res = res;
  return (issueFlags & ISSUE_MULTISHOT) !== 0 ? IOU_STOP_MULTISHOT : IOU_COMPLETE;
}

const OUT = { needsFile: true, pollout: true, ioprio: true } as const;
const IN = { needsFile: true, pollin: true, ioprio: true, bufferSelect: true } as const;

export const NET_OPS: readonly OpRow[] = [
  op("IORING_OP_SOCKET", "AF_UNIX, AF_INET, AF_INET6; streams, datagrams, packets; direct", prepSocket, issueSocket),
  op("IORING_OP_BIND", "all", prepAddress, issueBind, { needsFile: true }),
  op("IORING_OP_LISTEN", "all", prepListen, issueListen, { needsFile: true }),
  op("IORING_OP_CONNECT", "at once, as over loopback", prepAddress, issueConnect, { needsFile: true, pollout: true }),
  op("IORING_OP_ACCEPT", "all flags, multishot, direct", prepAccept, issueAccept, {
    needsFile: true,
    pollin: true,
    pollExclusive: true,
    ioprio: true,
  }),
  op("IORING_OP_SHUTDOWN", "all", prepShutdown, issueShutdown, { needsFile: true }),
  op(
    "IORING_OP_SEND",
    "destinations, MSG_WAITALL, vectors, provided buffers; bundles send one buffer",
    prepSend,
    issueSend,
    {
      ...OUT,
      bufferSelect: true,
    },
  ),
  op("IORING_OP_SENDMSG", "without control messages", prepSend, issueSend, OUT),
  op(
    "IORING_OP_RECV",
    "MSG_PEEK, MSG_WAITALL, MSG_TRUNC, multishot; bundles receive one buffer",
    prepReceive,
    issueReceive,
    IN,
  ),
  op("IORING_OP_RECVMSG", "without control messages; multishot", prepReceive, issueReceive, IN),
];
