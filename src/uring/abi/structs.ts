// The smaller structs of the io_uring ABI (include/uapi/linux/io_uring.h at v7.2) and of the calls its requests stand for
// (uapi uio.h, time_types.h, openat2.h, stat.h). Left out: zero-copy receive, NAPI, restrictions.

import { layout, type Layout } from "../../base/index.ts";

/** Pointed at by the argument of io_uring_enter(2) with IORING_ENTER_EXT_ARG. */
export const io_uring_getevents_arg: Layout<"sigmask" | "sigmask_sz" | "min_wait_usec" | "ts"> = layout(
  "io_uring_getevents_arg",
  24,
  { sigmask: [0, "u64"], sigmask_sz: [8, "u32"], min_wait_usec: [12, "u32"], ts: [16, "u64"] },
);

/** Seconds and nanoseconds. */
// oxlint-disable-next-line eslint/no-underscore-dangle -- the kernel's name
export const __kernel_timespec: Layout<"tv_sec" | "tv_nsec"> = layout("__kernel_timespec", 16, {
  tv_sec: [0, "s64"],
  tv_nsec: [8, "s64"],
});

/** A parameter region; `mmap_offset` is returned. */
export const io_uring_region_desc: Layout<"user_addr" | "size" | "flags" | "id" | "mmap_offset"> = layout(
  "io_uring_region_desc",
  64,
  { user_addr: [0, "u64"], size: [8, "u64"], flags: [16, "u32"], id: [20, "u32"], mmap_offset: [24, "u64"] },
);

/** The argument of IORING_REGISTER_MEM_REGION. */
export const io_uring_mem_region_reg: Layout<"region_uptr" | "flags"> = layout("io_uring_mem_region_reg", 32, {
  region_uptr: [0, "u64"],
  flags: [8, "u64"],
});

/** One provided buffer. `resv` of the first entry of a buffer ring is the ring's tail. */
export const io_uring_buf: Layout<"addr" | "len" | "bid" | "resv"> = layout("io_uring_buf", 16, {
  addr: [0, "u64"],
  len: [8, "u32"],
  bid: [12, "u16"],
  resv: [14, "u16"],
});

/** The head of a buffer ring. */
export const io_uring_buf_ring: Layout<"tail"> = layout("io_uring_buf_ring", 16, { tail: [14, "u16"] });

/** The argument of IORING_REGISTER_PBUF_RING. */
export const io_uring_buf_reg: Layout<"ring_addr" | "ring_entries" | "bgid" | "flags" | "min_left"> = layout(
  "io_uring_buf_reg",
  40,
  { ring_addr: [0, "u64"], ring_entries: [8, "u32"], bgid: [12, "u16"], flags: [14, "u16"], min_left: [16, "u32"] },
);

/** Base address and length. */
export const iovec: Layout<"iov_base" | "iov_len"> = layout("iovec", 16, { iov_base: [0, "u64"], iov_len: [8, "u64"] });

/** The argument of SENDMSG and RECVMSG. */
export const msghdr: Layout<
  "msg_name" | "msg_namelen" | "msg_iov" | "msg_iovlen" | "msg_control" | "msg_controllen" | "msg_flags"
> = layout("msghdr", 56, {
  msg_name: [0, "u64"],
  msg_namelen: [8, "s32"],
  msg_iov: [16, "u64"],
  msg_iovlen: [24, "u64"],
  msg_control: [32, "u64"],
  msg_controllen: [40, "u64"],
  msg_flags: [48, "u32"],
});

/** The head of the answer of IORING_REGISTER_PROBE; `ops_len` rows of io_uring_probe_op follow. */
export const io_uring_probe: Layout<"last_op" | "ops_len"> = layout("io_uring_probe", 16, {
  last_op: [0, "u8"],
  ops_len: [1, "u8"],
});

/** One row of a probe; bit IO_URING_OP_SUPPORTED of `flags` counts. */
export const io_uring_probe_op: Layout<"op" | "flags"> = layout("io_uring_probe_op", 8, {
  op: [0, "u8"],
  flags: [2, "u16"],
});

/** The argument of IORING_REGISTER_SYNC_CANCEL. */
export const io_uring_sync_cancel_reg: Layout<
  "addr" | "fd" | "flags" | "timeout.tv_sec" | "timeout.tv_nsec" | "opcode"
> = layout("io_uring_sync_cancel_reg", 64, {
  addr: [0, "u64"],
  fd: [8, "s32"],
  flags: [12, "u32"],
  "timeout.tv_sec": [16, "s64"],
  "timeout.tv_nsec": [24, "s64"],
  opcode: [32, "u8"],
});

/** One entry of IORING_REGISTER_RING_FDS and IORING_UNREGISTER_RING_FDS. */
export const io_uring_rsrc_update: Layout<"offset" | "data"> = layout("io_uring_rsrc_update", 16, {
  offset: [0, "u32"],
  data: [8, "u64"],
});

/** The argument of OPENAT2. */
export const open_how: Layout<"flags" | "mode" | "resolve"> = layout("open_how", 24, {
  flags: [0, "u64"],
  mode: [8, "u64"],
  resolve: [16, "u64"],
});

/** The result of STATX; timestamps as seconds and nanoseconds. */
export const statx: Layout<
  | "stx_mask"
  | "stx_blksize"
  | "stx_attributes"
  | "stx_nlink"
  | "stx_uid"
  | "stx_gid"
  | "stx_mode"
  | "stx_ino"
  | "stx_size"
  | "stx_blocks"
  | "stx_attributes_mask"
  | "stx_atime.tv_sec"
  | "stx_atime.tv_nsec"
  | "stx_btime.tv_sec"
  | "stx_btime.tv_nsec"
  | "stx_ctime.tv_sec"
  | "stx_ctime.tv_nsec"
  | "stx_mtime.tv_sec"
  | "stx_mtime.tv_nsec"
  | "stx_rdev_major"
  | "stx_rdev_minor"
  | "stx_dev_major"
  | "stx_dev_minor"
  | "stx_mnt_id"
  | "stx_dio_mem_align"
  | "stx_dio_offset_align"
> = layout("statx", 256, {
  stx_mask: [0, "u32"],
  stx_blksize: [4, "u32"],
  stx_attributes: [8, "u64"],
  stx_nlink: [16, "u32"],
  stx_uid: [20, "u32"],
  stx_gid: [24, "u32"],
  stx_mode: [28, "u16"],
  stx_ino: [32, "u64"],
  stx_size: [40, "u64"],
  stx_blocks: [48, "u64"],
  stx_attributes_mask: [56, "u64"],
  "stx_atime.tv_sec": [64, "s64"],
  "stx_atime.tv_nsec": [72, "u32"],
  "stx_btime.tv_sec": [80, "s64"],
  "stx_btime.tv_nsec": [88, "u32"],
  "stx_ctime.tv_sec": [96, "s64"],
  "stx_ctime.tv_nsec": [104, "u32"],
  "stx_mtime.tv_sec": [112, "s64"],
  "stx_mtime.tv_nsec": [120, "u32"],
  stx_rdev_major: [128, "u32"],
  stx_rdev_minor: [132, "u32"],
  stx_dev_major: [136, "u32"],
  stx_dev_minor: [140, "u32"],
  stx_mnt_id: [144, "u64"],
  stx_dio_mem_align: [152, "u32"],
  stx_dio_offset_align: [156, "u32"],
});
