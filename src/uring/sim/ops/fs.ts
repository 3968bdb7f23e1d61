// Requests on files and paths: OPENAT, CLOSE, STATX, FSYNC, FALLOCATE and their like (io_uring/openclose.c, fs.c, statx.c,
// sync.c, truncate.c, advise.c at v7.2). What the paths mean is the world's.

import {
  E2BIG,
  EAGAIN,
  EBADF,
  EFAULT,
  EINVAL,
  EISDIR,
  ENAMETOOLONG,
  ENODEV,
  ENOENT,
  ENOMEM,
  EOPNOTSUPP,
  ESPIPE,
} from "../../../base/index.ts";
import { AT, FALLOC_FL, IORING_MISC, IORING_OP, O, RENAME, RESOLVE, STATX } from "../../abi/index.ts";
import { REALTIME_OFFSET_SEC } from "../clock.ts";
import { closeFd, normalFile } from "../fd-table.ts";
import { installResult, removeFixed } from "../fixed-file.ts";
import { SIM_PAGE } from "../memory.ts";
import {
  IOU_COMPLETE,
  ISSUE_NONBLOCK,
  REQ_F,
  WorldFile,
  type FileStat,
  type OpRow,
  type OpenFile,
  type Place,
  type Request,
  type Ring,
} from "../state.ts";
import {
  SQE_ADDR,
  SQE_ADDR3,
  SQE_FILE_INDEX,
  SQE_LEN,
  SQE_OFF,
  SQE_OPFLAGS,
  op,
  sqeAddress,
  sqeBig64,
  sqeBufIndex,
  sqeHas64,
  sqeSigned64,
  sqeWord,
  complete,
} from "./op.ts";

const OFFSET_MAX = 0x7fff_ffff_ffff_ffffn;
const O_TMPFILE_BIT = 0x400000;
const VALID_OPEN_FLAGS =
  O.O_ACCMODE |
  O.O_CREAT |
  O.O_EXCL |
  O.O_NOCTTY |
  O.O_TRUNC |
  O.O_APPEND |
  O.O_NONBLOCK |
  O.O_SYNC |
  O.O_DSYNC |
  O.FASYNC |
  O.O_DIRECT |
  0x8000 |
  O.O_DIRECTORY |
  O.O_NOFOLLOW |
  O.O_NOATIME |
  O.O_CLOEXEC |
  O.O_PATH |
  O_TMPFILE_BIT;
const VALID_RESOLVE = Object.values(RESOLVE).reduce((all: number, bit) => all | bit, 0);
const O_PATH_FLAGS = O.O_DIRECTORY | O.O_NOFOLLOW | O.O_PATH | O.O_CLOEXEC;

interface PathData {
  readonly path: string;
  readonly second: string;
}

/** As `complete` for opcodes that the kernel completes without marking them failed: a chain behind them goes on. */
function doneAlways(req: Request, res: number): number {
  req.res = res;
  req.cflags = 0;
  return IOU_COMPLETE;
}

/** getname(): the path at the sqe's address field, or a negative errno. */
function getPath(ring: Ring, sqe: number, index: number, emptyAllowed: boolean): string | number {
  const { memory } = ring.machine;
  const path = memory.path(sqeAddress(ring, sqe, index));
  if (path === undefined) return -EFAULT;
  if (path === null) return -ENAMETOOLONG;
  return path === "" && !emptyAllowed ? -ENOENT : path;
}

/** The directory a relative path starts from; false when the descriptor is not open. */
function directoryOf(ring: Ring, fd: number, path: string): OpenFile | null | false {
  if (fd === AT.AT_FDCWD || path.startsWith("/")) return null;
  return normalFile(ring.machine, fd) ?? false;
}

function tellTime(ring: Ring): void {
  const { clock, world } = ring.machine;
  world.setTime(BigInt(REALTIME_OFFSET_SEC) * 1_000_000_000n + BigInt(Math.floor(clock.now)));
}

/** Does `act` with the place of a path. */
function withPlace(ring: Ring, fd: number, path: string, act: (place: Place) => number): number {
  const directory = directoryOf(ring, fd, path);
  if (directory === false) return -EBADF;
  tellTime(ring);
  return act({ directory, path });
}

// ---- OPENAT, OPENAT2, CLOSE

interface OpenData extends PathData {
  readonly flags: number;
  readonly mode: number;
  readonly resolve: number;
  /** Set when open_how makes no sense; the kernel finds out when it issues. */
  readonly errno: number;
}

function prepOpenCommon(ring: Ring, req: Request, sqe: number, how: Omit<OpenData, "path" | "second">): number {
  if (sqeBufIndex(ring, sqe) !== 0) return -EINVAL;
  if ((req.flags & REQ_F.FIXED_FILE) !== 0) return -EBADF;
  const path = getPath(ring, sqe, SQE_ADDR, false);
  if (typeof path === "number") return path;
  req.fileSlot = sqeWord(ring, sqe, SQE_FILE_INDEX);
  if (req.fileSlot !== 0 && (how.flags & O.O_CLOEXEC) !== 0) return -EINVAL;
  const data: OpenData = { ...how, path, second: "" };
  req.data = data;
  if ((how.flags & (O.O_TRUNC | O.O_CREAT | O_TMPFILE_BIT)) !== 0) req.flags |= REQ_F.FORCE_ASYNC;
  return 0;
}

function prepOpen(ring: Ring, req: Request, sqe: number): number {
  let flags = sqeWord(ring, sqe, SQE_OPFLAGS) & VALID_OPEN_FLAGS;
  let mode = sqeWord(ring, sqe, SQE_LEN) & 0o7777;
  if ((flags & O.O_PATH) !== 0) flags &= O_PATH_FLAGS;
  if ((flags & (O.O_CREAT | O_TMPFILE_BIT)) === 0) mode = 0;
  return prepOpenCommon(ring, req, sqe, { flags, mode, resolve: 0, errno: checkOpenFlags(flags) });
}

/** The checks of build_open_flags() that both forms share; 0 or positive errno. */
function checkOpenFlags(flags: number): number {
  if ((flags & (O.O_DIRECTORY | O.O_CREAT)) === (O.O_DIRECTORY | O.O_CREAT)) return EINVAL;
  if ((flags & O_TMPFILE_BIT) !== 0) {
    if ((flags & O.O_DIRECTORY) === 0) return EINVAL;
    if ((flags & O.O_ACCMODE) === 0) return EINVAL;
  }
  if ((flags & O.O_PATH) !== 0 && (flags & ~O_PATH_FLAGS) !== 0) return EINVAL;
  return 0;
}

function prepOpen2(ring: Ring, req: Request, sqe: number): number {
  const { memory } = ring.machine;
  const at = sqeAddress(ring, sqe, SQE_OFF);
  const size = sqeWord(ring, sqe, SQE_LEN);
  if (size < 24) return -EINVAL;
  if (size > 4096) return -E2BIG;
  if (!memory.covers(at, size)) return -EFAULT;
  for (let i = 24; i < size; i++) if (memory.bytes[at + i] !== 0) return -E2BIG;
  const { view } = memory;
  const flags64 = view.getBigUint64(at, true);
  const mode64 = view.getBigUint64(at + 8, true);
  const resolve64 = view.getBigUint64(at + 16, true);
  const flags = Number(flags64 & 0xffff_ffffn);
  let errno = 0;
  if (flags64 > 0xffff_ffffn || (flags & ~VALID_OPEN_FLAGS) !== 0) errno = EINVAL;
  else if ((resolve64 & ~BigInt(VALID_RESOLVE)) !== 0n) errno = EINVAL;
  const resolve = Number(resolve64 & 0xffn);
  const both = RESOLVE.RESOLVE_BENEATH | RESOLVE.RESOLVE_IN_ROOT;
  const creates = (flags & (O.O_CREAT | O_TMPFILE_BIT)) !== 0;
  if ((resolve & both) === both) errno ||= EINVAL;
  if (creates ? mode64 > 0o7777n : mode64 !== 0n) errno ||= EINVAL;
  errno ||= checkOpenFlags(flags);
  if ((resolve & RESOLVE.RESOLVE_CACHED) !== 0 && (flags & (O.O_TRUNC | O.O_CREAT | O_TMPFILE_BIT)) !== 0)
    errno ||= EAGAIN;
  return prepOpenCommon(ring, req, sqe, { flags, mode: Number(mode64 & 0o7777n), resolve, errno });
}

function issueOpen(ring: Ring, req: Request, issueFlags: number): number {
  const data = req.data as OpenData;
  if (data.errno !== 0) return complete(req, -data.errno);
  const ret = withPlace(ring, req.fd, data.path, (place) => {
    const file = ring.machine.world.open(place, data.flags, data.mode, data.resolve);
    return typeof file === "number" ? file : installResult(ring, file, req.fileSlot);
  });
  // a name that is not there is not among those in memory either: a worker looks for it
  if (ret === -ENOENT && (issueFlags & ISSUE_NONBLOCK) !== 0) return -EAGAIN;
  return complete(req, ret);
}

function prepClose(ring: Ring, req: Request, sqe: number): number {
  if (
    sqeHas64(ring, sqe, SQE_OFF) ||
    sqeHas64(ring, sqe, SQE_ADDR) ||
    sqeWord(ring, sqe, SQE_LEN) !== 0 ||
    sqeWord(ring, sqe, SQE_OPFLAGS) !== 0 ||
    sqeBufIndex(ring, sqe) !== 0
  ) {
    return -EINVAL;
  }
  if ((req.flags & REQ_F.FIXED_FILE) !== 0) return -EBADF;
  req.fileSlot = sqeWord(ring, sqe, SQE_FILE_INDEX);
  return req.fileSlot !== 0 && req.fd !== 0 ? -EINVAL : 0;
}

function issueClose(ring: Ring, req: Request): number {
  if (req.fileSlot !== 0) return complete(req, removeFixed(ring, req.fileSlot - 1));
  const file = normalFile(ring.machine, req.fd);
  if (file === null || file.kind === "ring") return complete(req, -EBADF);
  closeFd(ring.machine, req.fd);
  return complete(req, 0);
}

// ---- requests on one path

type PathPrep = (ring: Ring, req: Request, sqe: number) => number;

/** Prep of a request on one or two paths that goes to a worker. `zero`: word indices that must be 0. */
function pathPrep(zero: readonly number[], second: boolean, empty: (flags: number) => boolean = () => false): PathPrep {
  return (ring, req, sqe) => {
    for (const index of zero) if (sqeWord(ring, sqe, index) !== 0) return -EINVAL;
    if (sqeBufIndex(ring, sqe) !== 0 || sqeWord(ring, sqe, SQE_FILE_INDEX) !== 0) return -EINVAL;
    if ((req.flags & REQ_F.FIXED_FILE) !== 0) return -EBADF;
    req.opFlags = sqeWord(ring, sqe, SQE_OPFLAGS);
    req.len = sqeWord(ring, sqe, SQE_LEN);
    const path = getPath(ring, sqe, SQE_ADDR, empty(req.opFlags));
    if (typeof path === "number") return path;
    const other = second ? getPath(ring, sqe, SQE_OFF, false) : "";
    if (typeof other === "number") return other;
    const data: PathData = { path, second: other };
    req.data = data;
    req.flags |= REQ_F.FORCE_ASYNC;
    return 0;
  };
}

const prepMkdir = pathPrep([SQE_OFF, SQE_OFF + 1, SQE_OPFLAGS], false);

function issueMkdir(ring: Ring, req: Request): number {
  const { path } = req.data as PathData;
  return doneAlways(
    req,
    withPlace(ring, req.fd, path, (place) => ring.machine.world.mkdir(place, req.len)),
  );
}

const prepUnlinkPath = pathPrep([SQE_OFF, SQE_OFF + 1, SQE_LEN], false);

function prepUnlink(ring: Ring, req: Request, sqe: number): number {
  const clean = sqeHas64(ring, sqe, SQE_OFF) || sqeWord(ring, sqe, SQE_LEN) !== 0 || sqeBufIndex(ring, sqe) !== 0;
  if (clean || sqeWord(ring, sqe, SQE_FILE_INDEX) !== 0) return -EINVAL;
  if ((req.flags & REQ_F.FIXED_FILE) !== 0) return -EBADF;
  if ((sqeWord(ring, sqe, SQE_OPFLAGS) & ~AT.AT_REMOVEDIR) !== 0) return -EINVAL;
  return prepUnlinkPath(ring, req, sqe);
}

function issueUnlink(ring: Ring, req: Request): number {
  const { path } = req.data as PathData;
  return doneAlways(
    req,
    withPlace(ring, req.fd, path, (place) => ring.machine.world.unlink(place, req.opFlags)),
  );
}

const prepRename = pathPrep([], true);
const prepLink = pathPrep([], true, (flags) => (flags & AT.AT_EMPTY_PATH) !== 0);
const prepSymlink = pathPrep([SQE_LEN, SQE_OPFLAGS], true);

function issueTwo(ring: Ring, req: Request, act: (from: Place, to: Place) => number): number {
  const { path, second } = req.data as PathData;
  const ret = withPlace(ring, req.fd, path, (from) => {
    const to = withPlace(ring, req.len | 0, second, (place) => act(from, place));
    if (to !== -EBADF) return to;
    // what comes first is looked up first: the file that is linked, the directory of the one that is renamed
    const slash = path.replace(/\/+$/, "").lastIndexOf("/");
    const whole = req.opcode === IORING_OP.IORING_OP_LINKAT;
    const sought = whole ? path : slash < 0 ? "." : path.slice(0, slash + 1);
    const found = ring.machine.world.stat({ ...from, path: sought }, AT.AT_SYMLINK_NOFOLLOW | AT.AT_EMPTY_PATH);
    return typeof found === "number" ? found : to;
  });
  return doneAlways(req, ret);
}

function issueRename(ring: Ring, req: Request): number {
  const { RENAME_EXCHANGE, RENAME_NOREPLACE, RENAME_WHITEOUT } = RENAME;
  const flags = req.opFlags;
  const both = (flags & RENAME_EXCHANGE) !== 0 && (flags & (RENAME_NOREPLACE | RENAME_WHITEOUT)) !== 0;
  if ((flags & ~7) !== 0 || both) return doneAlways(req, -EINVAL);
  return issueTwo(ring, req, (from, to) => ring.machine.world.rename(from, to, req.opFlags));
}

function issueLink(ring: Ring, req: Request): number {
  if ((req.opFlags & ~(AT.AT_SYMLINK_FOLLOW | AT.AT_EMPTY_PATH)) !== 0) return doneAlways(req, -EINVAL);
  return issueTwo(ring, req, (from, to) => ring.machine.world.link(from, to, req.opFlags));
}

function issueSymlink(ring: Ring, req: Request): number {
  const { path, second } = req.data as PathData;
  return doneAlways(
    req,
    withPlace(ring, req.fd, second, (place) => ring.machine.world.symlink(path, place)),
  );
}

// ---- STATX

const STATX_RESERVED = 0x8000_0000;
const SYNC_TYPE = AT.AT_STATX_FORCE_SYNC | AT.AT_STATX_DONT_SYNC;
const STATX_FLAGS = AT.AT_SYMLINK_NOFOLLOW | AT.AT_NO_AUTOMOUNT | AT.AT_EMPTY_PATH | SYNC_TYPE;

function prepStatx(ring: Ring, req: Request, sqe: number): number {
  if (sqeBufIndex(ring, sqe) !== 0 || sqeWord(ring, sqe, SQE_FILE_INDEX) !== 0) return -EINVAL;
  if ((req.flags & REQ_F.FIXED_FILE) !== 0) return -EBADF;
  req.opFlags = sqeWord(ring, sqe, SQE_OPFLAGS);
  req.len = sqeWord(ring, sqe, SQE_LEN);
  const empty = (req.opFlags & AT.AT_EMPTY_PATH) !== 0;
  const path = getPath(ring, sqe, SQE_ADDR, empty);
  if (typeof path === "number") return path;
  req.at = sqeAddress(ring, sqe, SQE_OFF);
  const data: PathData = { path, second: "" };
  req.data = data;
  req.flags |= REQ_F.FORCE_ASYNC;
  return 0;
}

function issueStatx(ring: Ring, req: Request): number {
  const { path } = req.data as PathData;
  const { memory } = ring.machine;
  if ((req.len & STATX_RESERVED) !== 0) return doneAlways(req, -EINVAL);
  if ((req.opFlags & SYNC_TYPE) === SYNC_TYPE || (req.opFlags & ~STATX_FLAGS) !== 0) return doneAlways(req, -EINVAL);
  const ret = withPlace(ring, req.fd, path, (place) => {
    const stat = statPlace(ring, place, req);
    if (typeof stat === "number") return stat;
    if (!memory.covers(req.at, 256)) return -EFAULT;
    writeStatx(memory.view, req.at, stat);
    return 0;
  });
  return doneAlways(req, ret);
}

function statPlace(ring: Ring, place: Place, req: Request): FileStat | number {
  if (place.path === "" && place.directory !== null && !(place.directory instanceof WorldFile)) {
    const { kind } = place.directory;
    if (kind !== "device" && kind !== "path") return anonymousStat(place.directory);
  }
  return ring.machine.world.stat(place, req.opFlags);
}

/** Pipes, sockets and the like. */
function anonymousStat(file: OpenFile): FileStat {
  const type = file.kind === "pipe" ? 0o010600 : file.kind === "socket" ? 0o140777 : 0o600;
  return {
    ino: 1,
    mode: type,
    nlink: 1,
    uid: 0,
    gid: 0,
    size: 0,
    blockSize: 4096,
    blocks: 0,
    atime: 0n,
    mtime: 0n,
    ctime: 0n,
    btime: 0n,
  };
}

function writeStatx(view: DataView, at: number, stat: FileStat): void {
  for (let i = 0; i < 256; i += 8) view.setBigUint64(at + i, 0n, true);
  view.setUint32(at, STATX.STATX_BASIC_STATS | STATX.STATX_BTIME, true);
  view.setUint32(at + 4, stat.blockSize, true);
  view.setUint32(at + 16, stat.nlink, true);
  view.setUint32(at + 20, stat.uid, true);
  view.setUint32(at + 24, stat.gid, true);
  view.setUint16(at + 28, stat.mode, true);
  view.setBigUint64(at + 32, BigInt(stat.ino), true);
  view.setBigUint64(at + 40, BigInt(stat.size), true);
  view.setBigUint64(at + 48, BigInt(stat.blocks), true);
  for (const [offset, time] of [
    [64, stat.atime],
    [80, stat.btime],
    [96, stat.ctime],
    [112, stat.mtime],
  ] as const) {
    view.setBigInt64(at + offset, time / 1_000_000_000n, true);
    view.setUint32(at + offset + 8, Number(time % 1_000_000_000n), true);
  }
}

// ---- requests on an open file

function zeroFields(ring: Ring, sqe: number, indices: readonly number[]): boolean {
  return (
    indices.every((index) => sqeWord(ring, sqe, index) === 0) &&
    sqeBufIndex(ring, sqe) === 0 &&
    sqeWord(ring, sqe, SQE_FILE_INDEX) === 0
  );
}

function prepFsync(ring: Ring, req: Request, sqe: number): number {
  if (!zeroFields(ring, sqe, [SQE_ADDR, SQE_ADDR + 1])) return -EINVAL;
  req.opFlags = sqeWord(ring, sqe, SQE_OPFLAGS);
  if ((req.opFlags & ~IORING_MISC.IORING_FSYNC_DATASYNC) !== 0) return -EINVAL;
  if (sqeSigned64(ring, sqe, SQE_OFF) < 0) return -EINVAL;
  req.flags |= REQ_F.FORCE_ASYNC;
  return 0;
}

function issueFsync(_ring: Ring, req: Request): number {
  const file = req.file!;
  if ((file.flags & O.O_PATH) !== 0) return doneAlways(req, -EBADF);
  return doneAlways(req, file instanceof WorldFile ? file.sync((req.opFlags & 1) !== 0) : -EINVAL);
}

function prepSyncRange(ring: Ring, req: Request, sqe: number): number {
  if (!zeroFields(ring, sqe, [SQE_ADDR, SQE_ADDR + 1])) return -EINVAL;
  const off = sqeBig64(ring, sqe, SQE_OFF);
  const valid = off >= 0n && off + BigInt(sqeWord(ring, sqe, SQE_LEN)) <= OFFSET_MAX;
  req.off = valid ? Number(off) : -1;
  req.opFlags = sqeWord(ring, sqe, SQE_OPFLAGS);
  req.flags |= REQ_F.FORCE_ASYNC;
  return 0;
}

function issueSyncRange(_ring: Ring, req: Request): number {
  if ((req.opFlags & ~7) !== 0 || req.off < 0) return doneAlways(req, -EINVAL);
  return doneAlways(req, req.file instanceof WorldFile ? 0 : -ESPIPE);
}

function prepFallocate(ring: Ring, req: Request, sqe: number): number {
  if (!zeroFields(ring, sqe, [SQE_OPFLAGS])) return -EINVAL;
  req.off = sqeSigned64(ring, sqe, SQE_OFF);
  req.len = sqeSigned64(ring, sqe, SQE_ADDR);
  req.opFlags = sqeWord(ring, sqe, SQE_LEN);
  req.flags |= REQ_F.FORCE_ASYNC;
  return 0;
}

const { FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE } = FALLOC_FL;

function issueFallocate(_ring: Ring, req: Request): number {
  return doneAlways(req, fallocate(req));
}

function fallocate(req: Request): number {
  const file = req.file!;
  const mode = req.opFlags;
  if (req.off < 0 || req.len <= 0) return -EINVAL;
  // Of the modes, allocating and punching are simulated; the others are left to file systems, which may refuse them.
  if ((mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE)) !== 0) return -EOPNOTSUPP;
  if ((mode & FALLOC_FL_PUNCH_HOLE) !== 0 && (mode & FALLOC_FL_KEEP_SIZE) === 0) return -EOPNOTSUPP;
  if ((file.flags & O.O_ACCMODE) === O.O_RDONLY || (file.flags & O.O_PATH) !== 0) return -EBADF;
  if (file.kind === "pipe") return -ESPIPE;
  if (file.kind === "directory") return -EISDIR;
  return file instanceof WorldFile ? file.allocate(mode, req.off, req.len) : -ENODEV;
}

function prepTruncate(ring: Ring, req: Request, sqe: number): number {
  const zero = [SQE_OPFLAGS, SQE_ADDR, SQE_ADDR + 1, SQE_LEN, SQE_ADDR3, SQE_ADDR3 + 1];
  if (!zeroFields(ring, sqe, zero)) return -EINVAL;
  req.off = sqeSigned64(ring, sqe, SQE_OFF);
  req.flags |= REQ_F.FORCE_ASYNC;
  return 0;
}

function issueTruncate(_ring: Ring, req: Request): number {
  const file = req.file!;
  if (req.off < 0) return doneAlways(req, -EINVAL);
  const writable = (file.flags & O.O_ACCMODE) !== O.O_RDONLY && (file.flags & O.O_PATH) === 0;
  if (!(file instanceof WorldFile) || file.kind !== "regular" || !writable) return doneAlways(req, -EINVAL);
  return doneAlways(req, file.truncate(req.off));
}

function prepAdvise(ring: Ring, req: Request, sqe: number): number {
  if (sqeBufIndex(ring, sqe) !== 0 || sqeWord(ring, sqe, SQE_FILE_INDEX) !== 0) return -EINVAL;
  req.off = sqeSigned64(ring, sqe, SQE_OFF);
  req.len = sqeHas64(ring, sqe, SQE_ADDR) ? sqeSigned64(ring, sqe, SQE_ADDR) : sqeWord(ring, sqe, SQE_LEN);
  req.opFlags = sqeWord(ring, sqe, SQE_OPFLAGS);
  // Read-ahead and dropping pages may block.
  if (req.opFlags > 2) req.flags |= REQ_F.FORCE_ASYNC;
  return 0;
}

function issueAdvise(_ring: Ring, req: Request): number {
  const file = req.file!;
  if ((file.flags & O.O_PATH) !== 0) return complete(req, -EBADF);
  if (file.kind === "pipe") return complete(req, -ESPIPE);
  if (req.len < 0 || req.opFlags > 5) return complete(req, -EINVAL);
  return complete(req, 0);
}

/** Kinds of advice that madvise(2) knows of for memory without a file. */
const MADVICE: ReadonlySet<number> = new Set([
  0, 1, 2, 3, 4, 8, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25,
]);
const MADV_DONTNEED = 4;
const MADV_DONTNEED_LOCKED = 24;

interface MadviseData {
  readonly aligned: boolean;
  readonly length: bigint;
}

function prepMadvise(ring: Ring, req: Request, sqe: number): number {
  if (sqeBufIndex(ring, sqe) !== 0 || sqeWord(ring, sqe, SQE_FILE_INDEX) !== 0) return -EINVAL;
  req.at = sqeAddress(ring, sqe, SQE_ADDR);
  const off = BigInt.asUintN(64, sqeBig64(ring, sqe, SQE_OFF));
  const data: MadviseData = {
    aligned: sqeWord(ring, sqe, SQE_ADDR) % SIM_PAGE === 0,
    length: off === 0n ? BigInt(sqeWord(ring, sqe, SQE_LEN)) : off,
  };
  req.data = data;
  req.opFlags = sqeWord(ring, sqe, SQE_OPFLAGS);
  req.flags |= REQ_F.FORCE_ASYNC;
  return 0;
}

function issueMadvise(ring: Ring, req: Request): number {
  const { aligned, length } = req.data as MadviseData;
  const { memory } = ring.machine;
  const pages = BigInt.asUintN(64, (length + BigInt(SIM_PAGE - 1)) & ~BigInt(SIM_PAGE - 1));
  if (!MADVICE.has(req.opFlags) || !aligned || (length !== 0n && pages === 0n)) return doneAlways(req, -EINVAL);
  if (pages === 0n) return doneAlways(req, 0);
  const size = Number(pages);
  const there = memory.reachable(req.at, size);
  if (req.opFlags === MADV_DONTNEED || req.opFlags === MADV_DONTNEED_LOCKED)
    memory.bytes.fill(0, Math.max(0, req.at), Math.max(0, req.at) + there);
  return doneAlways(req, there < size ? -ENOMEM : 0);
}

const FILE = { needsFile: true } as const;

export const FS_OPS: readonly OpRow[] = [
  op("IORING_OP_OPENAT", "all the world can; direct", prepOpen, issueOpen),
  op("IORING_OP_OPENAT2", "all the world can; RESOLVE_BENEATH, IN_ROOT, NO_SYMLINKS; direct", prepOpen2, issueOpen),
  op("IORING_OP_CLOSE", "descriptors and fixed slots", prepClose, issueClose),
  op("IORING_OP_STATX", "basic fields and btime", prepStatx, issueStatx),
  op("IORING_OP_FSYNC", "nothing to do in memory", prepFsync, issueFsync, FILE),
  op("IORING_OP_SYNC_FILE_RANGE", "checks only", prepSyncRange, issueSyncRange, FILE),
  op("IORING_OP_FALLOCATE", "allocation and FALLOC_FL_PUNCH_HOLE", prepFallocate, issueFallocate, FILE),
  op("IORING_OP_FTRUNCATE", "all", prepTruncate, issueTruncate, FILE),
  op("IORING_OP_FADVISE", "checks only", prepAdvise, issueAdvise, FILE),
  op("IORING_OP_MADVISE", "checks; MADV_DONTNEED", prepMadvise, issueMadvise),
  op("IORING_OP_MKDIRAT", "all", prepMkdir, issueMkdir),
  op("IORING_OP_UNLINKAT", "all", prepUnlink, issueUnlink),
  op("IORING_OP_RENAMEAT", "RENAME_NOREPLACE, RENAME_EXCHANGE", prepRename, issueRename),
  op("IORING_OP_LINKAT", "all", prepLink, issueLink),
  op("IORING_OP_SYMLINKAT", "all", prepSymlink, issueSymlink),
];
