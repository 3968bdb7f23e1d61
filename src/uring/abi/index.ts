// The io_uring ABI of Linux 7.2: numbers, struct layouts, the table of requests, the rules of setup. No behaviour.

export {
  IORING_ACCEPT,
  IORING_ASYNC_CANCEL,
  IORING_CQ,
  IORING_CQE_F,
  IORING_ENTER,
  IORING_FEAT,
  IORING_MISC,
  IORING_MSG,
  IORING_NOP,
  IORING_OFF,
  IORING_OP,
  IORING_POLL,
  IORING_RECVSEND,
  IORING_REGISTER,
  IORING_REGISTER_FLAGS,
  IORING_SETUP,
  IORING_SQ,
  IORING_TIMEOUT,
  IOSQE,
} from "./constants.ts";
export { io_uring_cqe, io_uring_cqe32 } from "./cqe.ts";
export { formatKernelVersion, isAtLeast, parseKernelVersion, type KernelVersion } from "./kernel-version.ts";
export {
  AT,
  FADV,
  FALLOC_FL,
  MMAP,
  MSG,
  O,
  openFlags,
  POLL,
  RENAME,
  RESOLVE,
  RWF,
  SHUT,
  SOCKET,
  SPLICE_F,
  STATX,
} from "./linux.ts";
export { IOU_LOOP, IOU_REGION, iou_loop_params } from "./loop-params.ts";
export {
  IORING_OP_LAST,
  opName,
  OPTABLE,
  type AddrUse,
  type Completes,
  type FdUse,
  type OpName,
  type OpRow,
  type Wake,
} from "./optable.ts";
export {
  decodeParams,
  encodeParams,
  io_uring_params,
  type CqOffsets,
  type ParamsField,
  type RingParams,
  type SetupRequest,
  type SqOffsets,
} from "./params.ts";
export { CQES_OFFSET, ringAreas, type RingAreas } from "./ring-areas.ts";
export {
  checkSetup,
  IORING_MAX_CQ_ENTRIES,
  IORING_MAX_ENTRIES,
  parseSetupFlags,
  roundEntries,
  SETUP_FLAGS,
  SETUP_RULES,
  SetupFlagError,
  setupFlagNames,
  type SetupFlag,
  type SetupFlagRow,
  type SetupRule,
  type SetupVerdict,
} from "./setup-flags.ts";
export { io_uring_sqe, io_uring_sqe128, SQE_CMD_OFFSET, type SqeField } from "./sqe.ts";
export {
  __kernel_timespec,
  io_uring_buf,
  io_uring_buf_reg,
  io_uring_buf_ring,
  io_uring_getevents_arg,
  io_uring_mem_region_reg,
  io_uring_probe,
  io_uring_probe_op,
  io_uring_region_desc,
  io_uring_rsrc_update,
  io_uring_sync_cancel_reg,
  iovec,
  msghdr,
  open_how,
  statx,
} from "./structs.ts";
