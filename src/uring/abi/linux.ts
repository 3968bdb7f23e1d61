// Numbers of other Linux interfaces that requests use (uapi fcntl.h, stat.h, poll.h, socket.h, fs.h, mman.h). x86-64 and
// arm64 agree on all of them but a few open(2) flags.

/** open(2) flags of x86-64; see `openFlags()` for the three that differ on arm64. */
export const O = {
  O_ACCMODE: 3,
  O_RDONLY: 0,
  O_WRONLY: 1,
  O_RDWR: 2,
  O_CREAT: 0x40,
  O_EXCL: 0x80,
  O_NOCTTY: 0x100,
  O_TRUNC: 0x200,
  O_APPEND: 0x400,
  O_NONBLOCK: 0x800,
  O_DSYNC: 0x1000,
  FASYNC: 0x2000,
  O_DIRECT: 0x4000,
  O_DIRECTORY: 0x10000,
  O_NOFOLLOW: 0x20000,
  O_NOATIME: 0x40000,
  O_CLOEXEC: 0x80000,
  O_SYNC: 0x101000,
  O_PATH: 0x200000,
  O_TMPFILE: 0x410000,
} as const;

/** Directory descriptor and flags of the *at calls. */
export const AT = {
  AT_FDCWD: -100,
  AT_SYMLINK_NOFOLLOW: 0x100,
  AT_REMOVEDIR: 0x200,
  AT_SYMLINK_FOLLOW: 0x400,
  AT_NO_AUTOMOUNT: 0x800,
  AT_EMPTY_PATH: 0x1000,
  AT_STATX_SYNC_AS_STAT: 0,
  AT_STATX_FORCE_SYNC: 0x2000,
  AT_STATX_DONT_SYNC: 0x4000,
} as const;

/** Mask of statx(2). */
export const STATX = {
  STATX_TYPE: 1,
  STATX_MODE: 2,
  STATX_NLINK: 4,
  STATX_UID: 8,
  STATX_GID: 0x10,
  STATX_ATIME: 0x20,
  STATX_MTIME: 0x40,
  STATX_CTIME: 0x80,
  STATX_INO: 0x100,
  STATX_SIZE: 0x200,
  STATX_BLOCKS: 0x400,
  STATX_BASIC_STATS: 0x7ff,
  STATX_BTIME: 0x800,
} as const;

/** Events of poll(2) and epoll. */
export const POLL = {
  POLLIN: 1,
  POLLPRI: 2,
  POLLOUT: 4,
  POLLERR: 8,
  POLLHUP: 0x10,
  POLLNVAL: 0x20,
  POLLRDNORM: 0x40,
  POLLRDBAND: 0x80,
  POLLWRNORM: 0x100,
  POLLWRBAND: 0x200,
  POLLMSG: 0x400,
  POLLRDHUP: 0x2000,
  EPOLL_URING_WAKE: 0x8000000,
  EPOLLEXCLUSIVE: 0x10000000,
  EPOLLONESHOT: 0x40000000,
  EPOLLET: 0x80000000,
} as const;

/** Flags of send(2) and recv(2). */
export const MSG = {
  MSG_OOB: 1,
  MSG_PEEK: 2,
  MSG_DONTROUTE: 4,
  MSG_TRUNC: 0x20,
  MSG_DONTWAIT: 0x40,
  MSG_EOR: 0x80,
  MSG_WAITALL: 0x100,
  MSG_NOSIGNAL: 0x4000,
  MSG_MORE: 0x8000,
} as const;

/** How of shutdown(2). */
export const SHUT = {
  SHUT_RD: 0,
  SHUT_WR: 1,
  SHUT_RDWR: 2,
} as const;

/** Families, types and flags of socket(2). */
export const SOCKET = {
  AF_UNIX: 1,
  AF_INET: 2,
  AF_INET6: 0xa,
  SOCK_STREAM: 1,
  SOCK_DGRAM: 2,
  SOCK_SEQPACKET: 5,
  SOCK_NONBLOCK: 0x800,
  SOCK_CLOEXEC: 0x80000,
} as const;

/** Per-request read and write flags, `sqe.rw_flags`. */
export const RWF = {
  RWF_HIPRI: 1,
  RWF_DSYNC: 2,
  RWF_SYNC: 4,
  RWF_NOWAIT: 8,
  RWF_APPEND: 0x10,
} as const;

/** Flags of splice(2) and tee(2). */
export const SPLICE_F = {
  SPLICE_F_MOVE: 1,
  SPLICE_F_NONBLOCK: 2,
  SPLICE_F_MORE: 4,
} as const;

/** Modes of fallocate(2). */
export const FALLOC_FL = {
  FALLOC_FL_KEEP_SIZE: 1,
  FALLOC_FL_PUNCH_HOLE: 2,
  FALLOC_FL_COLLAPSE_RANGE: 8,
  FALLOC_FL_ZERO_RANGE: 0x10,
} as const;

/** Flags of renameat2(2). */
export const RENAME = {
  RENAME_NOREPLACE: 1,
  RENAME_EXCHANGE: 2,
  RENAME_WHITEOUT: 4,
} as const;

/** Advice of posix_fadvise(2). */
export const FADV = {
  POSIX_FADV_NORMAL: 0,
  POSIX_FADV_RANDOM: 1,
  POSIX_FADV_SEQUENTIAL: 2,
  POSIX_FADV_WILLNEED: 3,
  POSIX_FADV_DONTNEED: 4,
  POSIX_FADV_NOREUSE: 5,
} as const;

/** `open_how.resolve` of openat2(2). */
export const RESOLVE = {
  RESOLVE_NO_XDEV: 1,
  RESOLVE_NO_MAGICLINKS: 2,
  RESOLVE_NO_SYMLINKS: 4,
  RESOLVE_BENEATH: 8,
  RESOLVE_IN_ROOT: 0x10,
  RESOLVE_CACHED: 0x20,
} as const;

/** Protection and flags of mmap(2). */
export const MMAP = {
  PROT_NONE: 0,
  PROT_READ: 1,
  PROT_WRITE: 2,
  MAP_SHARED: 1,
  MAP_PRIVATE: 2,
  MAP_FIXED: 0x10,
  MAP_FIXED_NOREPLACE: 0x100000,
  MAP_ANONYMOUS: 0x20,
  MAP_POPULATE: 0x8000,
  MAP_NORESERVE: 0x4000,
} as const;

const ARM64_OPEN: Readonly<Record<string, number>> = {
  O_DIRECTORY: 0x4000,
  O_NOFOLLOW: 0x8000,
  O_DIRECT: 0x10000,
  O_TMPFILE: 0x404000,
};

/** The open(2) flags of `arch` as `process.arch` names it. */
export function openFlags(arch: string): Readonly<Record<keyof typeof O, number>> {
  return arch === "arm64" ? { ...O, ...ARM64_OPEN } : O;
}
