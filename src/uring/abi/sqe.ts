// struct io_uring_sqe of include/uapi/linux/io_uring.h at v7.2: 64 bytes, or 128 with IORING_SETUP_SQE128 (and for the
// 128-byte opcodes of IORING_SETUP_SQE_MIXED). Members of a union share an offset. Left out: block integrity attributes.
//
//   0 opcode  1 flags  2 ioprio  4 fd | 8 off/addr2 | 16 addr | 24 len  28 op flags | 32 user_data
//   40 buf_index  42 personality  44 splice_fd_in/file_index | 48 addr3/optval/cmd | 56 pad

import { layout, type Layout } from "../../base/index.ts";

const FIELDS = {
  opcode: [0, "u8"],
  flags: [1, "u8"],
  ioprio: [2, "u16"],
  fd: [4, "s32"],
  off: [8, "u64"],
  addr2: [8, "u64"],
  cmd_op: [8, "u32"],
  addr: [16, "u64"],
  splice_off_in: [16, "u64"],
  level: [16, "u32"],
  optname: [20, "u32"],
  len: [24, "u32"],
  rw_flags: [28, "u32"],
  fsync_flags: [28, "u32"],
  poll_events: [28, "u16"],
  poll32_events: [28, "u32"],
  sync_range_flags: [28, "u32"],
  msg_flags: [28, "u32"],
  timeout_flags: [28, "u32"],
  accept_flags: [28, "u32"],
  cancel_flags: [28, "u32"],
  open_flags: [28, "u32"],
  statx_flags: [28, "u32"],
  fadvise_advice: [28, "u32"],
  splice_flags: [28, "u32"],
  rename_flags: [28, "u32"],
  unlink_flags: [28, "u32"],
  hardlink_flags: [28, "u32"],
  xattr_flags: [28, "u32"],
  msg_ring_flags: [28, "u32"],
  uring_cmd_flags: [28, "u32"],
  waitid_flags: [28, "u32"],
  futex_flags: [28, "u32"],
  install_fd_flags: [28, "u32"],
  nop_flags: [28, "u32"],
  pipe_flags: [28, "u32"],
  user_data: [32, "u64"],
  buf_index: [40, "u16"],
  buf_group: [40, "u16"],
  personality: [42, "u16"],
  splice_fd_in: [44, "s32"],
  file_index: [44, "u32"],
  zcrx_ifq_idx: [44, "u32"],
  optlen: [44, "u32"],
  addr_len: [44, "u16"],
  addr3: [48, "u64"],
  attr_ptr: [48, "u64"],
  optval: [48, "u64"],
  attr_type_mask: [56, "u64"],
} as const;

/** A member of struct io_uring_sqe. */
export type SqeField = keyof typeof FIELDS;

/** The ordinary, 64-byte request. */
export const io_uring_sqe: Layout<SqeField> = layout("io_uring_sqe", 64, FIELDS);

/** The 128-byte request: 80 bytes of command data from offset 48. */
export const io_uring_sqe128: Layout<SqeField> = layout("io_uring_sqe", 128, FIELDS);

/** Where the command data of URING_CMD starts. */
export const SQE_CMD_OFFSET = 48;
