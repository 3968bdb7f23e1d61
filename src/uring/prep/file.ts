// Requests on files and paths (liburing.h's prep functions, in own words). `off` is a file position; -1n means the current one.

import { IOSQE } from "../abi/index.ts";
import { prep, setSqeFlags, type Address, type SqeTarget } from "./sqe-fields.ts";

/** Reads up to `len` bytes into `buf`. */
export function prepRead(sqe: SqeTarget, fd: number, buf: Address, len: number, off: Address): void {
  prep(sqe, "IORING_OP_READ", fd, buf, len, off);
}

/** Writes up to `len` bytes from `buf`. */
export function prepWrite(sqe: SqeTarget, fd: number, buf: Address, len: number, off: Address): void {
  prep(sqe, "IORING_OP_WRITE", fd, buf, len, off);
}

/** Reads into `nr` pieces given by iovecs. */
export function prepReadv(sqe: SqeTarget, fd: number, iovecs: Address, nr: number, off: Address, rw_flags = 0): void {
  prep(sqe, "IORING_OP_READV", fd, iovecs, nr, off, { rw_flags });
}

/** Writes `nr` pieces given by iovecs. */
export function prepWritev(sqe: SqeTarget, fd: number, iovecs: Address, nr: number, off: Address, rw_flags = 0): void {
  prep(sqe, "IORING_OP_WRITEV", fd, iovecs, nr, off, { rw_flags });
}

/** Reads into a part of registered buffer `buf_index`. */
export function prepReadFixed(
  sqe: SqeTarget,
  fd: number,
  buf: Address,
  len: number,
  off: Address,
  buf_index: number,
): void {
  prep(sqe, "IORING_OP_READ_FIXED", fd, buf, len, off, { buf_index });
}

/** Writes from a part of registered buffer `buf_index`. */
export function prepWriteFixed(
  sqe: SqeTarget,
  fd: number,
  buf: Address,
  len: number,
  off: Address,
  buf_index: number,
): void {
  prep(sqe, "IORING_OP_WRITE_FIXED", fd, buf, len, off, { buf_index });
}

/** Reads into pieces of registered buffer `buf_index`. */
export function prepReadvFixed(
  sqe: SqeTarget,
  fd: number,
  iovecs: Address,
  nr: number,
  off: Address,
  buf_index: number,
  rw_flags = 0,
): void {
  prep(sqe, "IORING_OP_READV_FIXED", fd, iovecs, nr, off, { rw_flags, buf_index });
}

/** Writes pieces of registered buffer `buf_index`. */
export function prepWritevFixed(
  sqe: SqeTarget,
  fd: number,
  iovecs: Address,
  nr: number,
  off: Address,
  buf_index: number,
  rw_flags = 0,
): void {
  prep(sqe, "IORING_OP_WRITEV_FIXED", fd, iovecs, nr, off, { rw_flags, buf_index });
}

/** Reads again and again into buffers of group `buf_group`. */
export function prepReadMultishot(sqe: SqeTarget, fd: number, len: number, off: Address, buf_group: number): void {
  prep(sqe, "IORING_OP_READ_MULTISHOT", fd, 0, len, off, { buf_group });
  setSqeFlags(sqe, IOSQE.IOSQE_BUFFER_SELECT);
}

/** Flushes a file; IORING_FSYNC_DATASYNC leaves out metadata. */
export function prepFsync(sqe: SqeTarget, fd: number, fsync_flags = 0): void {
  prep(sqe, "IORING_OP_FSYNC", fd, 0, 0, 0, { fsync_flags });
}

/** Flushes a range of a file. */
export function prepSyncFileRange(sqe: SqeTarget, fd: number, len: number, off: Address, flags: number): void {
  prep(sqe, "IORING_OP_SYNC_FILE_RANGE", fd, 0, len, off, { sync_range_flags: flags });
}

/** Allocates, frees or zeroes a range of a file. */
export function prepFallocate(sqe: SqeTarget, fd: number, mode: number, off: Address, len: Address): void {
  prep(sqe, "IORING_OP_FALLOCATE", fd, len, mode, off);
}

/** Cuts or extends a file to `len` bytes. */
export function prepFtruncate(sqe: SqeTarget, fd: number, len: Address): void {
  prep(sqe, "IORING_OP_FTRUNCATE", fd, 0, 0, len);
}

/** Advice about a range of a file. */
export function prepFadvise(sqe: SqeTarget, fd: number, off: Address, len: number, advice: number): void {
  prep(sqe, "IORING_OP_FADVISE", fd, 0, len, off, { fadvise_advice: advice });
}

/** Opens the path at `path` (NUL-terminated), relative to `dfd`. */
export function prepOpenat(sqe: SqeTarget, dfd: number, path: Address, flags: number, mode: number): void {
  prep(sqe, "IORING_OP_OPENAT", dfd, path, mode, 0, { open_flags: flags });
}

/** Opens into fixed file slot `file_index`, or a free one for IORING_FILE_INDEX_ALLOC. */
export function prepOpenatDirect(
  sqe: SqeTarget,
  dfd: number,
  path: Address,
  flags: number,
  mode: number,
  file_index: number,
): void {
  prep(sqe, "IORING_OP_OPENAT", dfd, path, mode, 0, { open_flags: flags, file_index: directSlot(file_index) });
}

/** Opens as the open_how at `how` says. */
export function prepOpenat2(sqe: SqeTarget, dfd: number, path: Address, how: Address, howSize = 24): void {
  prep(sqe, "IORING_OP_OPENAT2", dfd, path, howSize, how);
}

/** Closes a descriptor. */
export function prepClose(sqe: SqeTarget, fd: number): void {
  prep(sqe, "IORING_OP_CLOSE", fd, 0, 0, 0);
}

/** Empties fixed file slot `file_index`. */
export function prepCloseDirect(sqe: SqeTarget, file_index: number): void {
  prep(sqe, "IORING_OP_CLOSE", 0, 0, 0, 0, { file_index: directSlot(file_index) });
}

/** Fills the struct statx at `statxbuf`. */
export function prepStatx(
  sqe: SqeTarget,
  dfd: number,
  path: Address,
  flags: number,
  mask: number,
  statxbuf: Address,
): void {
  prep(sqe, "IORING_OP_STATX", dfd, path, mask, statxbuf, { statx_flags: flags });
}

/** Moves data between two descriptors, one of them a pipe; offsets -1n for the pipe. */
export function prepSplice(
  sqe: SqeTarget,
  fdIn: number,
  offIn: Address,
  fdOut: number,
  offOut: Address,
  len: number,
  flags = 0,
): void {
  prep(sqe, "IORING_OP_SPLICE", fdOut, offIn, len, offOut, { splice_fd_in: fdIn, splice_flags: flags });
}

/** Duplicates data from one pipe to another. */
export function prepTee(sqe: SqeTarget, fdIn: number, fdOut: number, len: number, flags = 0): void {
  prep(sqe, "IORING_OP_TEE", fdOut, 0, len, 0, { splice_fd_in: fdIn, splice_flags: flags });
}

/** Renames; `len` of the SQE carries the new directory. */
export function prepRenameat(
  sqe: SqeTarget,
  olddfd: number,
  oldpath: Address,
  newdfd: number,
  newpath: Address,
  flags = 0,
): void {
  prep(sqe, "IORING_OP_RENAMEAT", olddfd, oldpath, newdfd >>> 0, newpath, { rename_flags: flags });
}

/** Removes a name; AT_REMOVEDIR for a directory. */
export function prepUnlinkat(sqe: SqeTarget, dfd: number, path: Address, flags = 0): void {
  prep(sqe, "IORING_OP_UNLINKAT", dfd, path, 0, 0, { unlink_flags: flags });
}

/** Makes a directory. */
export function prepMkdirat(sqe: SqeTarget, dfd: number, path: Address, mode: number): void {
  prep(sqe, "IORING_OP_MKDIRAT", dfd, path, mode, 0);
}

/** Makes a symbolic link at `linkpath` that says `target`. */
export function prepSymlinkat(sqe: SqeTarget, target: Address, newdfd: number, linkpath: Address): void {
  prep(sqe, "IORING_OP_SYMLINKAT", newdfd, target, 0, linkpath);
}

/** Makes a hard link. */
export function prepLinkat(
  sqe: SqeTarget,
  olddfd: number,
  oldpath: Address,
  newdfd: number,
  newpath: Address,
  flags = 0,
): void {
  prep(sqe, "IORING_OP_LINKAT", olddfd, oldpath, newdfd >>> 0, newpath, { hardlink_flags: flags });
}

/** Reads attribute `name` of an open file into `value`. */
export function prepFgetxattr(sqe: SqeTarget, fd: number, name: Address, value: Address, len: number): void {
  prep(sqe, "IORING_OP_FGETXATTR", fd, name, len, value);
}

/** Writes attribute `name` of an open file. */
export function prepFsetxattr(
  sqe: SqeTarget,
  fd: number,
  name: Address,
  value: Address,
  flags: number,
  len: number,
): void {
  prep(sqe, "IORING_OP_FSETXATTR", fd, name, len, value, { xattr_flags: flags });
}

/** Reads attribute `name` of the file at `path`. */
export function prepGetxattr(sqe: SqeTarget, name: Address, value: Address, path: Address, len: number): void {
  prep(sqe, "IORING_OP_GETXATTR", 0, name, len, value, { addr3: path });
}

/** Writes attribute `name` of the file at `path`. */
export function prepSetxattr(
  sqe: SqeTarget,
  name: Address,
  value: Address,
  path: Address,
  flags: number,
  len: number,
): void {
  prep(sqe, "IORING_OP_SETXATTR", 0, name, len, value, { addr3: path, xattr_flags: flags });
}

/** Makes an ordinary descriptor of fixed file `fd`. */
export function prepFixedFdInstall(sqe: SqeTarget, fd: number, flags = 0): void {
  prep(sqe, "IORING_OP_FIXED_FD_INSTALL", fd, 0, 0, 0, { install_fd_flags: flags });
  setSqeFlags(sqe, IOSQE.IOSQE_FIXED_FILE);
}

/** Makes a pipe; its two descriptors go to `fds`. */
export function prepPipe(sqe: SqeTarget, fds: Address, pipe_flags = 0): void {
  prep(sqe, "IORING_OP_PIPE", 0, fds, 0, 0, { pipe_flags });
}

/** `sqe.file_index` of a slot: one more than the slot, since 0 means none; IORING_FILE_INDEX_ALLOC stays as it is. */
export function directSlot(file_index: number): number {
  return file_index === 0xffff_ffff ? file_index : file_index + 1;
}
