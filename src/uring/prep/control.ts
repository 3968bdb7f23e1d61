// Requests that concern the ring, time, or other requests (liburing.h's prep functions, in own words).

import { IORING_ASYNC_CANCEL, IORING_MSG, IORING_POLL, IORING_TIMEOUT } from "../abi/index.ts";
import { prep, type Address, type SqeTarget } from "./sqe-fields.ts";

/** Does nothing, successfully. */
export function prepNop(sqe: SqeTarget): void {
  prep(sqe, "IORING_OP_NOP", -1, 0, 0, 0);
}

/** A NOP of 128 bytes, for SQE_MIXED rings. */
export function prepNop128(sqe: SqeTarget): void {
  prep(sqe, "IORING_OP_NOP128", -1, 0, 0, 0);
}

/** Completes with -ETIME at the timespec at `ts`, or with 0 after `count` other completions (0: time only). */
export function prepTimeout(sqe: SqeTarget, ts: Address, count = 0, flags = 0): void {
  prep(sqe, "IORING_OP_TIMEOUT", -1, ts, 1, count, { timeout_flags: flags });
}

/** Removes the timeout with that user_data. */
export function prepTimeoutRemove(sqe: SqeTarget, user_data: Address, flags = 0): void {
  prep(sqe, "IORING_OP_TIMEOUT_REMOVE", -1, user_data, 0, 0, { timeout_flags: flags });
}

/** Gives the timeout with that user_data the timespec at `ts`. */
export function prepTimeoutUpdate(sqe: SqeTarget, ts: Address, user_data: Address, flags = 0): void {
  prep(sqe, "IORING_OP_TIMEOUT_REMOVE", -1, user_data, 0, ts, {
    timeout_flags: flags | IORING_TIMEOUT.IORING_TIMEOUT_UPDATE,
  });
}

/** Limits the time of the request before it in the chain. */
export function prepLinkTimeout(sqe: SqeTarget, ts: Address, flags = 0): void {
  prep(sqe, "IORING_OP_LINK_TIMEOUT", -1, ts, 1, 0, { timeout_flags: flags });
}

/** Cancels the request with that user_data. */
export function prepCancel(sqe: SqeTarget, user_data: Address, flags = 0): void {
  prep(sqe, "IORING_OP_ASYNC_CANCEL", -1, user_data, 0, 0, { cancel_flags: flags });
}

/** Cancels a request on that file. */
export function prepCancelFd(sqe: SqeTarget, fd: number, flags = 0): void {
  prep(sqe, "IORING_OP_ASYNC_CANCEL", fd, 0, 0, 0, {
    cancel_flags: flags | IORING_ASYNC_CANCEL.IORING_ASYNC_CANCEL_FD,
  });
}

/** Completes once when one of the POLL events is there. */
export function prepPollAdd(sqe: SqeTarget, fd: number, events: number): void {
  prep(sqe, "IORING_OP_POLL_ADD", fd, 0, 0, 0, { poll32_events: events });
}

/** Completes each time one of the POLL events comes. */
export function prepPollMultishot(sqe: SqeTarget, fd: number, events: number): void {
  prep(sqe, "IORING_OP_POLL_ADD", fd, 0, IORING_POLL.IORING_POLL_ADD_MULTI, 0, { poll32_events: events });
}

/** Removes the poll request with that user_data. */
export function prepPollRemove(sqe: SqeTarget, user_data: Address): void {
  prep(sqe, "IORING_OP_POLL_REMOVE", -1, user_data, 0, 0);
}

/** Changes user_data and events of a poll request, as `flags` (IORING_POLL_UPDATE_*) say. */
export function prepPollUpdate(
  sqe: SqeTarget,
  old_user_data: Address,
  new_user_data: Address,
  events: number,
  flags: number,
): void {
  prep(sqe, "IORING_OP_POLL_REMOVE", -1, old_user_data, flags, new_user_data, { poll32_events: events });
}

/** Posts a CQE with `res` = len and `user_data` into the ring `fd`. */
export function prepMsgRing(sqe: SqeTarget, fd: number, len: number, user_data: Address, flags = 0): void {
  prep(sqe, "IORING_OP_MSG_RING", fd, IORING_MSG.IORING_MSG_DATA, len, user_data, { msg_ring_flags: flags });
}

/** Replaces `nr` fixed files from `offset` on by the descriptors at `fds`. */
export function prepFilesUpdate(sqe: SqeTarget, fds: Address, nr: number, offset: number): void {
  prep(sqe, "IORING_OP_FILES_UPDATE", -1, fds, nr, offset);
}

/** Provides `nr` buffers of `len` bytes each, from `addr` on, as group `bgid` with ids from `bid` on. */
export function prepProvideBuffers(
  sqe: SqeTarget,
  addr: Address,
  len: number,
  nr: number,
  bgid: number,
  bid: number,
): void {
  prep(sqe, "IORING_OP_PROVIDE_BUFFERS", nr, addr, len, bid, { buf_group: bgid });
}

/** Takes back up to `nr` buffers of group `bgid`. */
export function prepRemoveBuffers(sqe: SqeTarget, nr: number, bgid: number): void {
  prep(sqe, "IORING_OP_REMOVE_BUFFERS", nr, 0, 0, 0, { buf_group: bgid });
}

/** A control operation of epoll descriptor `epfd`. */
export function prepEpollCtl(sqe: SqeTarget, epfd: number, fd: number, op: number, event: Address): void {
  prep(sqe, "IORING_OP_EPOLL_CTL", epfd, event, op, fd);
}

/** Waits for up to `maxevents` events of an epoll descriptor. */
export function prepEpollWait(sqe: SqeTarget, epfd: number, events: Address, maxevents: number): void {
  prep(sqe, "IORING_OP_EPOLL_WAIT", epfd, events, maxevents, 0);
}

/** Waits while the word at `futex` is `value`. `futex_flags` are FUTEX2_*. */
export function prepFutexWait(
  sqe: SqeTarget,
  futex: Address,
  value: Address,
  mask: Address,
  futex_flags: number,
): void {
  prep(sqe, "IORING_OP_FUTEX_WAIT", futex_flags, futex, 0, value, { addr3: mask });
}

/** Wakes up to `count` waiters of `futex`. */
export function prepFutexWake(
  sqe: SqeTarget,
  futex: Address,
  count: Address,
  mask: Address,
  futex_flags: number,
): void {
  prep(sqe, "IORING_OP_FUTEX_WAKE", futex_flags, futex, 0, count, { addr3: mask });
}

/** Waits for one of `nr` futexes. */
export function prepFutexWaitv(sqe: SqeTarget, futexv: Address, nr: number): void {
  prep(sqe, "IORING_OP_FUTEX_WAITV", 0, futexv, nr, 0);
}

/** Waits for a child process, as waitid(2). */
export function prepWaitid(sqe: SqeTarget, idtype: number, id: number, infop: Address, options: number): void {
  prep(sqe, "IORING_OP_WAITID", id, 0, idtype, infop, { file_index: options });
}

/** A command of the file's driver; its data goes to SQE_CMD_OFFSET. */
export function prepUringCmd(sqe: SqeTarget, fd: number, cmd_op: number): void {
  prep(sqe, "IORING_OP_URING_CMD", fd, 0, 0, cmd_op);
}

/** Advice about memory of this process. */
export function prepMadvise(sqe: SqeTarget, addr: Address, len: number, advice: number): void {
  prep(sqe, "IORING_OP_MADVISE", -1, addr, len, 0, { fadvise_advice: advice });
}
