// Requests on sockets (liburing.h's prep functions, in own words).

import { IORING_ACCEPT, IORING_MISC, IORING_RECVSEND } from "../abi/index.ts";
import { directSlot } from "./file.ts";
import { prep, type Address, type SqeTarget } from "./sqe-fields.ts";

/** Receives up to `len` bytes into `buf`. */
export function prepRecv(sqe: SqeTarget, fd: number, buf: Address, len: number, msg_flags = 0): void {
  prep(sqe, "IORING_OP_RECV", fd, buf, len, 0, { msg_flags });
}

/** Receives again and again; needs IOSQE_BUFFER_SELECT and a buffer group. */
export function prepRecvMultishot(sqe: SqeTarget, fd: number, buf: Address, len: number, msg_flags = 0): void {
  prep(sqe, "IORING_OP_RECV", fd, buf, len, 0, { msg_flags, ioprio: IORING_RECVSEND.IORING_RECV_MULTISHOT });
}

/** Sends up to `len` bytes from `buf`. */
export function prepSend(sqe: SqeTarget, fd: number, buf: Address, len: number, msg_flags = 0): void {
  prep(sqe, "IORING_OP_SEND", fd, buf, len, 0, { msg_flags });
}

/** Sends to an address. */
export function prepSendto(
  sqe: SqeTarget,
  fd: number,
  buf: Address,
  len: number,
  msg_flags: number,
  addr: Address,
  addr_len: number,
): void {
  prep(sqe, "IORING_OP_SEND", fd, buf, len, addr, { msg_flags, addr_len });
}

/** Sends without copying; a second CQE with IORING_CQE_F_NOTIF frees the buffer. `zc_flags` go to ioprio. */
export function prepSendZc(sqe: SqeTarget, fd: number, buf: Address, len: number, msg_flags = 0, zc_flags = 0): void {
  prep(sqe, "IORING_OP_SEND_ZC", fd, buf, len, 0, { msg_flags, ioprio: zc_flags });
}

/** Receives as the msghdr at `msg` says. */
export function prepRecvmsg(sqe: SqeTarget, fd: number, msg: Address, msg_flags = 0): void {
  prep(sqe, "IORING_OP_RECVMSG", fd, msg, 1, 0, { msg_flags });
}

/** Receives messages again and again; needs IOSQE_BUFFER_SELECT and a buffer group. */
export function prepRecvmsgMultishot(sqe: SqeTarget, fd: number, msg: Address, msg_flags = 0): void {
  prep(sqe, "IORING_OP_RECVMSG", fd, msg, 1, 0, { msg_flags, ioprio: IORING_RECVSEND.IORING_RECV_MULTISHOT });
}

/** Sends as the msghdr at `msg` says. */
export function prepSendmsg(sqe: SqeTarget, fd: number, msg: Address, msg_flags = 0): void {
  prep(sqe, "IORING_OP_SENDMSG", fd, msg, 1, 0, { msg_flags });
}

/** Sends as the msghdr at `msg` says, without copying. */
export function prepSendmsgZc(sqe: SqeTarget, fd: number, msg: Address, msg_flags = 0): void {
  prep(sqe, "IORING_OP_SENDMSG_ZC", fd, msg, 1, 0, { msg_flags });
}

/** Accepts a connection; `addr` and `addrlen` may be 0. */
export function prepAccept(sqe: SqeTarget, fd: number, addr: Address, addrlen: Address, accept_flags = 0): void {
  prep(sqe, "IORING_OP_ACCEPT", fd, addr, 0, addrlen, { accept_flags });
}

/** Accepts into fixed file slot `file_index`. */
export function prepAcceptDirect(
  sqe: SqeTarget,
  fd: number,
  addr: Address,
  addrlen: Address,
  accept_flags: number,
  file_index: number,
): void {
  prep(sqe, "IORING_OP_ACCEPT", fd, addr, 0, addrlen, { accept_flags, file_index: directSlot(file_index) });
}

/** Accepts again and again. */
export function prepMultishotAccept(
  sqe: SqeTarget,
  fd: number,
  addr: Address,
  addrlen: Address,
  accept_flags = 0,
): void {
  prep(sqe, "IORING_OP_ACCEPT", fd, addr, 0, addrlen, { accept_flags, ioprio: IORING_ACCEPT.IORING_ACCEPT_MULTISHOT });
}

/** Connects to the address at `addr`. */
export function prepConnect(sqe: SqeTarget, fd: number, addr: Address, addrlen: number): void {
  prep(sqe, "IORING_OP_CONNECT", fd, addr, 0, addrlen);
}

/** Gives a socket the address at `addr`. */
export function prepBind(sqe: SqeTarget, fd: number, addr: Address, addrlen: number): void {
  prep(sqe, "IORING_OP_BIND", fd, addr, 0, addrlen);
}

/** Makes a socket listen. */
export function prepListen(sqe: SqeTarget, fd: number, backlog: number): void {
  prep(sqe, "IORING_OP_LISTEN", fd, 0, backlog, 0);
}

/** Makes a socket; the result is its descriptor. */
export function prepSocket(sqe: SqeTarget, domain: number, type: number, protocol: number, flags = 0): void {
  prep(sqe, "IORING_OP_SOCKET", domain, 0, protocol, type, { rw_flags: flags });
}

/** Makes a socket in a free fixed file slot. */
export function prepSocketDirectAlloc(sqe: SqeTarget, domain: number, type: number, protocol: number, flags = 0): void {
  prep(sqe, "IORING_OP_SOCKET", domain, 0, protocol, type, {
    rw_flags: flags,
    file_index: directSlot(IORING_MISC.IORING_FILE_INDEX_ALLOC),
  });
}

/** Shuts down one or both directions. */
export function prepShutdown(sqe: SqeTarget, fd: number, how: number): void {
  prep(sqe, "IORING_OP_SHUTDOWN", fd, 0, how, 0);
}
