import { expect, test } from "vitest";

import { getField } from "../../base/index.ts";
import { io_uring_sqe, IORING_OP, IOSQE, type OpName, type SqeField } from "../abi/index.ts";
import * as all from "./index.ts";

const A = 0x1122_3344_5566_7788n;
const B = 0x0000_7fff_0000_1000n;
const any = 0xffff_ffff;

/** A target full of rubbish: a prep function must leave none of it. */
function target(size = 64): { sqe: all.SqeTarget; field: (name: SqeField) => number | bigint; bytes: Uint8Array } {
  const bytes = new Uint8Array(size + 16).fill(0xa5);
  const sqe = { view: new DataView(bytes.buffer), at: 8, size };
  return { sqe, field: (name) => getField(io_uring_sqe, sqe.view, 8, name), bytes };
}

const PREP: Readonly<Record<string, unknown>> = { ...all };

type Row = readonly [
  name: keyof typeof all,
  args: readonly (number | bigint)[],
  op: OpName,
  fields: Partial<Record<SqeField, number | bigint>>,
];

// Only what is not zero is named; the expectations follow liburing's man pages, not the code.
const ROWS: readonly Row[] = [
  ["prepNop", [], "IORING_OP_NOP", { fd: -1 }],
  ["prepNop128", [], "IORING_OP_NOP128", { fd: -1 }],
  ["prepTimeout", [A, 3, 5], "IORING_OP_TIMEOUT", { fd: -1, addr: A, len: 1, off: 3n, timeout_flags: 5 }],
  ["prepTimeoutRemove", [77, 1], "IORING_OP_TIMEOUT_REMOVE", { fd: -1, addr: 77n, timeout_flags: 1 }],
  ["prepTimeoutUpdate", [A, 77, 1], "IORING_OP_TIMEOUT_REMOVE", { fd: -1, addr: 77n, addr2: A, timeout_flags: 3 }],
  ["prepLinkTimeout", [A, 1], "IORING_OP_LINK_TIMEOUT", { fd: -1, addr: A, len: 1, timeout_flags: 1 }],
  ["prepCancel", [A, 1], "IORING_OP_ASYNC_CANCEL", { fd: -1, addr: A, cancel_flags: 1 }],
  ["prepCancelFd", [7, 1], "IORING_OP_ASYNC_CANCEL", { fd: 7, cancel_flags: 3 }],
  ["prepPollAdd", [7, 0x8000_0001], "IORING_OP_POLL_ADD", { fd: 7, poll32_events: 0x8000_0001 }],
  ["prepPollMultishot", [7, 1], "IORING_OP_POLL_ADD", { fd: 7, len: 1, poll32_events: 1 }],
  ["prepPollRemove", [A], "IORING_OP_POLL_REMOVE", { fd: -1, addr: A }],
  ["prepPollUpdate", [A, B, 4, 3], "IORING_OP_POLL_REMOVE", { fd: -1, addr: A, off: B, len: 3, poll32_events: 4 }],
  ["prepMsgRing", [7, 10, A, 2], "IORING_OP_MSG_RING", { fd: 7, len: 10, off: A, msg_ring_flags: 2 }],
  ["prepFilesUpdate", [A, 3, 5], "IORING_OP_FILES_UPDATE", { fd: -1, addr: A, len: 3, off: 5n }],
  [
    "prepProvideBuffers",
    [A, 64, 3, 9, 2],
    "IORING_OP_PROVIDE_BUFFERS",
    { fd: 3, addr: A, len: 64, off: 2n, buf_group: 9 },
  ],
  ["prepRemoveBuffers", [3, 9], "IORING_OP_REMOVE_BUFFERS", { fd: 3, buf_group: 9 }],
  ["prepEpollCtl", [7, 8, 1, A], "IORING_OP_EPOLL_CTL", { fd: 7, addr: A, len: 1, off: 8n }],
  ["prepEpollWait", [7, A, 4], "IORING_OP_EPOLL_WAIT", { fd: 7, addr: A, len: 4 }],
  ["prepFutexWait", [A, 5, 0xff, 2], "IORING_OP_FUTEX_WAIT", { fd: 2, addr: A, off: 5n, addr3: 0xffn }],
  ["prepFutexWake", [A, 5, 0xff, 2], "IORING_OP_FUTEX_WAKE", { fd: 2, addr: A, off: 5n, addr3: 0xffn }],
  ["prepFutexWaitv", [A, 5], "IORING_OP_FUTEX_WAITV", { addr: A, len: 5 }],
  ["prepWaitid", [1, 22, A, 4], "IORING_OP_WAITID", { fd: 22, len: 1, addr2: A, file_index: 4 }],
  ["prepUringCmd", [7, 9], "IORING_OP_URING_CMD", { fd: 7, cmd_op: 9 }],
  ["prepMadvise", [A, 64, 4], "IORING_OP_MADVISE", { fd: -1, addr: A, len: 64, fadvise_advice: 4 }],
  ["prepRead", [7, A, 64, -1], "IORING_OP_READ", { fd: 7, addr: A, len: 64, off: 0xffff_ffff_ffff_ffffn }],
  ["prepWrite", [7, A, 64, 2 ** 40], "IORING_OP_WRITE", { fd: 7, addr: A, len: 64, off: 1n << 40n }],
  ["prepReadv", [7, A, 2, 100, 8], "IORING_OP_READV", { fd: 7, addr: A, len: 2, off: 100n, rw_flags: 8 }],
  ["prepWritev", [7, A, 2, 100, 8], "IORING_OP_WRITEV", { fd: 7, addr: A, len: 2, off: 100n, rw_flags: 8 }],
  ["prepReadFixed", [7, A, 64, 100, 3], "IORING_OP_READ_FIXED", { fd: 7, addr: A, len: 64, off: 100n, buf_index: 3 }],
  ["prepWriteFixed", [7, A, 64, 100, 3], "IORING_OP_WRITE_FIXED", { fd: 7, addr: A, len: 64, off: 100n, buf_index: 3 }],
  [
    "prepReadvFixed",
    [7, A, 2, 100, 3, 8],
    "IORING_OP_READV_FIXED",
    { fd: 7, addr: A, len: 2, off: 100n, buf_index: 3, rw_flags: 8 },
  ],
  [
    "prepWritevFixed",
    [7, A, 2, 100, 3, 8],
    "IORING_OP_WRITEV_FIXED",
    { fd: 7, addr: A, len: 2, off: 100n, buf_index: 3, rw_flags: 8 },
  ],
  [
    "prepReadMultishot",
    [7, 64, 100, 3],
    "IORING_OP_READ_MULTISHOT",
    { fd: 7, len: 64, off: 100n, buf_group: 3, flags: IOSQE.IOSQE_BUFFER_SELECT },
  ],
  ["prepFsync", [7, 1], "IORING_OP_FSYNC", { fd: 7, fsync_flags: 1 }],
  [
    "prepSyncFileRange",
    [7, 64, 100, 2],
    "IORING_OP_SYNC_FILE_RANGE",
    { fd: 7, len: 64, off: 100n, sync_range_flags: 2 },
  ],
  ["prepFallocate", [7, 1, 100, 2 ** 33], "IORING_OP_FALLOCATE", { fd: 7, len: 1, off: 100n, addr: 1n << 33n }],
  ["prepFtruncate", [7, 2 ** 33], "IORING_OP_FTRUNCATE", { fd: 7, off: 1n << 33n }],
  ["prepFadvise", [7, 100, 64, 4], "IORING_OP_FADVISE", { fd: 7, off: 100n, len: 64, fadvise_advice: 4 }],
  ["prepOpenat", [-100, A, 0x42, 0o644], "IORING_OP_OPENAT", { fd: -100, addr: A, len: 0o644, open_flags: 0x42 }],
  [
    "prepOpenatDirect",
    [-100, A, 0x42, 0o644, 5],
    "IORING_OP_OPENAT",
    { fd: -100, addr: A, len: 0o644, open_flags: 0x42, file_index: 6 },
  ],
  [
    "prepOpenatDirect",
    [-100, A, 0x42, 0o644, any],
    "IORING_OP_OPENAT",
    { fd: -100, addr: A, len: 0o644, open_flags: 0x42, file_index: any },
  ],
  ["prepOpenat2", [-100, A, B], "IORING_OP_OPENAT2", { fd: -100, addr: A, len: 24, off: B }],
  ["prepClose", [7], "IORING_OP_CLOSE", { fd: 7 }],
  ["prepCloseDirect", [5], "IORING_OP_CLOSE", { file_index: 6 }],
  [
    "prepStatx",
    [-100, A, 0x100, 0x7ff, B],
    "IORING_OP_STATX",
    { fd: -100, addr: A, len: 0x7ff, off: B, statx_flags: 0x100 },
  ],
  [
    "prepSplice",
    [7, -1n, 8, 100, 64, 1],
    "IORING_OP_SPLICE",
    { fd: 8, off: 100n, splice_off_in: 0xffff_ffff_ffff_ffffn, len: 64, splice_fd_in: 7, splice_flags: 1 },
  ],
  ["prepTee", [7, 8, 64, 1], "IORING_OP_TEE", { fd: 8, len: 64, splice_fd_in: 7, splice_flags: 1 }],
  [
    "prepRenameat",
    [-100, A, -100, B, 1],
    "IORING_OP_RENAMEAT",
    { fd: -100, addr: A, len: 0xffff_ff9c, addr2: B, rename_flags: 1 },
  ],
  ["prepUnlinkat", [-100, A, 0x200], "IORING_OP_UNLINKAT", { fd: -100, addr: A, unlink_flags: 0x200 }],
  ["prepMkdirat", [-100, A, 0o755], "IORING_OP_MKDIRAT", { fd: -100, addr: A, len: 0o755 }],
  ["prepSymlinkat", [A, -100, B], "IORING_OP_SYMLINKAT", { fd: -100, addr: A, addr2: B }],
  [
    "prepLinkat",
    [-100, A, -100, B, 0x400],
    "IORING_OP_LINKAT",
    { fd: -100, addr: A, len: 0xffff_ff9c, addr2: B, hardlink_flags: 0x400 },
  ],
  ["prepFgetxattr", [7, A, B, 64], "IORING_OP_FGETXATTR", { fd: 7, addr: A, addr2: B, len: 64 }],
  ["prepFsetxattr", [7, A, B, 1, 64], "IORING_OP_FSETXATTR", { fd: 7, addr: A, addr2: B, len: 64, xattr_flags: 1 }],
  ["prepGetxattr", [A, B, 3, 64], "IORING_OP_GETXATTR", { addr: A, addr2: B, len: 64, addr3: 3n }],
  ["prepSetxattr", [A, B, 3, 1, 64], "IORING_OP_SETXATTR", { addr: A, addr2: B, len: 64, addr3: 3n, xattr_flags: 1 }],
  [
    "prepFixedFdInstall",
    [7, 1],
    "IORING_OP_FIXED_FD_INSTALL",
    { fd: 7, flags: IOSQE.IOSQE_FIXED_FILE, install_fd_flags: 1 },
  ],
  ["prepPipe", [A, 0x800], "IORING_OP_PIPE", { addr: A, pipe_flags: 0x800 }],
  ["prepRecv", [7, A, 64, 2], "IORING_OP_RECV", { fd: 7, addr: A, len: 64, msg_flags: 2 }],
  ["prepRecvMultishot", [7, A, 64, 2], "IORING_OP_RECV", { fd: 7, addr: A, len: 64, msg_flags: 2, ioprio: 2 }],
  ["prepSend", [7, A, 64, 2], "IORING_OP_SEND", { fd: 7, addr: A, len: 64, msg_flags: 2 }],
  [
    "prepSendto",
    [7, A, 64, 2, B, 16],
    "IORING_OP_SEND",
    { fd: 7, addr: A, len: 64, msg_flags: 2, addr2: B, addr_len: 16 },
  ],
  ["prepSendZc", [7, A, 64, 2, 8], "IORING_OP_SEND_ZC", { fd: 7, addr: A, len: 64, msg_flags: 2, ioprio: 8 }],
  ["prepRecvmsg", [7, A, 2], "IORING_OP_RECVMSG", { fd: 7, addr: A, len: 1, msg_flags: 2 }],
  ["prepRecvmsgMultishot", [7, A, 2], "IORING_OP_RECVMSG", { fd: 7, addr: A, len: 1, msg_flags: 2, ioprio: 2 }],
  ["prepSendmsg", [7, A, 2], "IORING_OP_SENDMSG", { fd: 7, addr: A, len: 1, msg_flags: 2 }],
  ["prepSendmsgZc", [7, A, 2], "IORING_OP_SENDMSG_ZC", { fd: 7, addr: A, len: 1, msg_flags: 2 }],
  ["prepAccept", [7, A, B, 0x800], "IORING_OP_ACCEPT", { fd: 7, addr: A, addr2: B, accept_flags: 0x800 }],
  [
    "prepAcceptDirect",
    [7, A, B, 0x800, 5],
    "IORING_OP_ACCEPT",
    { fd: 7, addr: A, addr2: B, accept_flags: 0x800, file_index: 6 },
  ],
  [
    "prepMultishotAccept",
    [7, A, B, 0x800],
    "IORING_OP_ACCEPT",
    { fd: 7, addr: A, addr2: B, accept_flags: 0x800, ioprio: 1 },
  ],
  ["prepConnect", [7, A, 16], "IORING_OP_CONNECT", { fd: 7, addr: A, off: 16n }],
  ["prepBind", [7, A, 16], "IORING_OP_BIND", { fd: 7, addr: A, off: 16n }],
  ["prepListen", [7, 16], "IORING_OP_LISTEN", { fd: 7, len: 16 }],
  ["prepSocket", [2, 1, 6], "IORING_OP_SOCKET", { fd: 2, off: 1n, len: 6 }],
  ["prepSocketDirectAlloc", [2, 1, 6], "IORING_OP_SOCKET", { fd: 2, off: 1n, len: 6, file_index: any }],
  ["prepShutdown", [7, 1], "IORING_OP_SHUTDOWN", { fd: 7, len: 1 }],
];

test.each(ROWS.map((row, i) => [`${row[0]} (${i})`, ...row] as const))("%s", (_, name, args, op, fields) => {
  const { sqe, field, bytes } = target();
  (PREP[name] as (sqe: all.SqeTarget, ...args: readonly (number | bigint)[]) => void)(sqe, ...args);
  const want = new Uint8Array(64);
  const view = new DataView(want.buffer);
  for (const [key, value] of Object.entries({ opcode: IORING_OP[op], ...fields })) {
    all.setSqe({ view, at: 0, size: 64 }, key as SqeField, value);
    expect([key, field(key as SqeField)]).toEqual([key, value]);
  }
  expect(bytes.subarray(8, 72)).toEqual(want);
  expect(bytes.subarray(0, 8).every((byte) => byte === 0xa5) && bytes.subarray(72).every((byte) => byte === 0xa5)).toBe(
    true,
  );
});

test("every prep function has a row", () => {
  const tested = new Set(ROWS.map(([name]) => name));
  expect(Object.keys(PREP).filter((name) => /^prep[A-Z]/.test(name) && !tested.has(name as keyof typeof all))).toEqual(
    [],
  );
});

test("a 128-byte SQE is cleared whole, user_data and flags are set afterwards", () => {
  const { sqe, field, bytes } = target(128);
  all.prepNop(sqe);
  all.setUserData(sqe, 2 ** 52 + 1);
  all.setSqeFlags(sqe, IOSQE.IOSQE_ASYNC);
  expect(bytes.subarray(8 + 48, 8 + 128).every((byte) => byte === 0)).toBe(true);
  expect([field("user_data"), field("flags")]).toEqual([2n ** 52n + 1n, IOSQE.IOSQE_ASYNC]);
});
