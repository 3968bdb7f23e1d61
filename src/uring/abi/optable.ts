// One row per request opcode, in the order of enum io_uring_op at v7.2 (io_uring/opdef.c is the kernel's table; the kernel
// versions are those of the io_uring_enter(2) manual). Consumers: the simulator, probes, messages, the parity list.

import { IORING_OP } from "./constants.ts";

/** The name of an opcode, such as "IORING_OP_READ". */
export type OpName = keyof typeof IORING_OP;

/**
 * What `sqe.fd` is: "file" the file worked on (IOSQE_FIXED_FILE allowed), "dir" a directory descriptor the request itself
 * resolves, "fd" a plain descriptor number, "none" unused.
 */
export type FdUse = "file" | "dir" | "fd" | "none";

/** What `sqe.addr` is; "value" is not a pointer (a user_data, a length, a command). */
export type AddrUse =
  | "buffer"
  | "iovec"
  | "msghdr"
  | "path"
  | "timespec"
  | "sockaddr"
  | "fds"
  | "siginfo"
  | "futex"
  | "events"
  | "name"
  | "value"
  | "none";

/**
 * Where the request normally completes: "inline" inside the submitting call; "poll" inline if possible, else when the file
 * becomes ready; "device" inline from the cache, else when the device is done; "worker" in a kernel worker thread;
 * "timer" when a timer fires; "event" when another event arrives.
 */
export type Completes = "inline" | "poll" | "device" | "worker" | "timer" | "event";

/** How a completion that is not inline wakes a waiter: "lazy" only counts towards the CQEs asked for, "now" wakes at once. */
export type Wake = "lazy" | "now";

/** A row. */
export interface OpRow {
  readonly name: OpName;
  readonly number: number;
  /** First kernel that has it, "major.minor". */
  readonly since: string;
  readonly fd: FdUse;
  readonly addr: AddrUse;
  readonly completes: Completes;
  readonly wake: Wake;
}

type Facts = readonly [since: string, fd: FdUse, addr: AddrUse, completes: Completes, wake: Wake];

const FACTS: Readonly<Record<OpName, Facts>> = {
  IORING_OP_NOP: ["5.1", "none", "none", "inline", "now"],
  IORING_OP_READV: ["5.1", "file", "iovec", "device", "lazy"],
  IORING_OP_WRITEV: ["5.1", "file", "iovec", "device", "lazy"],
  IORING_OP_FSYNC: ["5.1", "file", "none", "worker", "now"],
  IORING_OP_READ_FIXED: ["5.1", "file", "buffer", "device", "lazy"],
  IORING_OP_WRITE_FIXED: ["5.1", "file", "buffer", "device", "lazy"],
  IORING_OP_POLL_ADD: ["5.1", "file", "none", "poll", "lazy"],
  IORING_OP_POLL_REMOVE: ["5.1", "none", "value", "inline", "now"],
  IORING_OP_SYNC_FILE_RANGE: ["5.2", "file", "none", "worker", "now"],
  IORING_OP_SENDMSG: ["5.3", "file", "msghdr", "poll", "lazy"],
  IORING_OP_RECVMSG: ["5.3", "file", "msghdr", "poll", "lazy"],
  IORING_OP_TIMEOUT: ["5.4", "none", "timespec", "timer", "now"],
  IORING_OP_TIMEOUT_REMOVE: ["5.5", "none", "value", "inline", "now"],
  IORING_OP_ACCEPT: ["5.5", "file", "sockaddr", "poll", "lazy"],
  IORING_OP_ASYNC_CANCEL: ["5.5", "fd", "value", "inline", "now"],
  IORING_OP_LINK_TIMEOUT: ["5.5", "none", "timespec", "timer", "now"],
  IORING_OP_CONNECT: ["5.5", "file", "sockaddr", "poll", "lazy"],
  IORING_OP_FALLOCATE: ["5.6", "file", "value", "worker", "now"],
  IORING_OP_OPENAT: ["5.6", "dir", "path", "inline", "now"],
  IORING_OP_CLOSE: ["5.6", "fd", "none", "inline", "now"],
  IORING_OP_FILES_UPDATE: ["5.6", "none", "fds", "inline", "now"],
  IORING_OP_STATX: ["5.6", "dir", "path", "worker", "now"],
  IORING_OP_READ: ["5.6", "file", "buffer", "device", "lazy"],
  IORING_OP_WRITE: ["5.6", "file", "buffer", "device", "lazy"],
  IORING_OP_FADVISE: ["5.6", "file", "value", "inline", "now"],
  IORING_OP_MADVISE: ["5.6", "none", "buffer", "worker", "now"],
  IORING_OP_SEND: ["5.6", "file", "buffer", "poll", "lazy"],
  IORING_OP_RECV: ["5.6", "file", "buffer", "poll", "lazy"],
  IORING_OP_OPENAT2: ["5.6", "dir", "path", "inline", "now"],
  IORING_OP_EPOLL_CTL: ["5.6", "fd", "events", "inline", "now"],
  IORING_OP_SPLICE: ["5.7", "file", "value", "worker", "now"],
  IORING_OP_PROVIDE_BUFFERS: ["5.7", "fd", "buffer", "inline", "now"],
  IORING_OP_REMOVE_BUFFERS: ["5.7", "fd", "none", "inline", "now"],
  IORING_OP_TEE: ["5.8", "file", "none", "worker", "now"],
  IORING_OP_SHUTDOWN: ["5.11", "file", "none", "worker", "now"],
  IORING_OP_RENAMEAT: ["5.11", "dir", "path", "worker", "now"],
  IORING_OP_UNLINKAT: ["5.11", "dir", "path", "worker", "now"],
  IORING_OP_MKDIRAT: ["5.15", "dir", "path", "worker", "now"],
  IORING_OP_SYMLINKAT: ["5.15", "dir", "path", "worker", "now"],
  IORING_OP_LINKAT: ["5.15", "dir", "path", "worker", "now"],
  IORING_OP_MSG_RING: ["5.18", "file", "value", "inline", "lazy"],
  IORING_OP_FSETXATTR: ["5.19", "file", "name", "worker", "now"],
  IORING_OP_SETXATTR: ["5.19", "none", "name", "worker", "now"],
  IORING_OP_FGETXATTR: ["5.19", "file", "name", "worker", "now"],
  IORING_OP_GETXATTR: ["5.19", "none", "name", "worker", "now"],
  IORING_OP_SOCKET: ["5.19", "fd", "none", "inline", "now"],
  IORING_OP_URING_CMD: ["5.19", "file", "value", "device", "lazy"],
  IORING_OP_SEND_ZC: ["6.0", "file", "buffer", "poll", "lazy"],
  IORING_OP_SENDMSG_ZC: ["6.1", "file", "msghdr", "poll", "lazy"],
  IORING_OP_READ_MULTISHOT: ["6.7", "file", "none", "poll", "lazy"],
  IORING_OP_WAITID: ["6.7", "fd", "none", "event", "now"],
  IORING_OP_FUTEX_WAIT: ["6.7", "fd", "futex", "event", "now"],
  IORING_OP_FUTEX_WAKE: ["6.7", "fd", "futex", "inline", "now"],
  IORING_OP_FUTEX_WAITV: ["6.7", "none", "futex", "event", "now"],
  IORING_OP_FIXED_FD_INSTALL: ["6.8", "file", "none", "inline", "now"],
  IORING_OP_FTRUNCATE: ["6.9", "file", "none", "worker", "now"],
  IORING_OP_BIND: ["6.11", "file", "sockaddr", "inline", "now"],
  IORING_OP_LISTEN: ["6.11", "file", "none", "inline", "now"],
  IORING_OP_RECV_ZC: ["6.15", "file", "none", "poll", "lazy"],
  IORING_OP_EPOLL_WAIT: ["6.15", "file", "events", "poll", "lazy"],
  IORING_OP_READV_FIXED: ["6.15", "file", "iovec", "device", "lazy"],
  IORING_OP_WRITEV_FIXED: ["6.15", "file", "iovec", "device", "lazy"],
  IORING_OP_PIPE: ["6.16", "none", "fds", "inline", "now"],
  IORING_OP_NOP128: ["6.19", "none", "none", "inline", "now"],
  IORING_OP_URING_CMD128: ["6.19", "file", "value", "device", "lazy"],
};

/** All rows; the index is the opcode. */
export const OPTABLE: readonly OpRow[] = (Object.entries(IORING_OP) as [OpName, number][])
  .sort(([, a], [, b]) => a - b)
  .map(([name, number]) => {
    const [since, fd, addr, completes, wake] = FACTS[name];
    return { name, number, since, fd, addr, completes, wake };
  });

/** One more than the last opcode. */
export const IORING_OP_LAST: number = OPTABLE.length;

/** "IORING_OP_READ" for 22; "opcode 200" for one that is not in the table. */
export function opName(opcode: number): string {
  return OPTABLE[opcode]?.name ?? `opcode ${opcode}`;
}
