// struct io_uring_bpf_ops: the descriptor through which BPF programs take over a ring's loop, as io_uring/bpf-ops.c at
// v7.2 fills it. It knows what a ring's slot for ops and a struct_ops map are, and nothing of how either is made.

import { EBADF, EBUSY, EINVAL, EOPNOTSUPP } from "../base/index.ts";
import type { AccessInfo, ContextField, StructOps, VerifierOps } from "../bpf/struct-ops.ts";
import { isBaseHelper } from "../bpf/verifier/index.ts";
import { IORING_SETUP } from "../uring/abi/index.ts";
import { AttachError } from "./errors.ts";

const { IORING_SETUP_DEFER_TASKRUN, IORING_SETUP_IOPOLL, IORING_SETUP_SQPOLL } = IORING_SETUP;

/** A ring's place for ops: `ctx->flags` and `ctx->bpf_ops`. */
export interface OpsSlot {
  readonly flags: number;
  ops: OpsMap | undefined;
}

/** A struct_ops map: its loop_step is there or not, and the ring it is bound to. */
export interface OpsMap {
  readonly hasLoopStep: boolean;
  slot: OpsSlot | undefined;
}

/** What registering joins. `slot` is an errno when ring_fd did not name a ring: -EBADF or -EOPNOTSUPP. */
export interface Registration {
  readonly slot: OpsSlot | number;
  readonly map: OpsMap;
}

const POINTER_SIZE = 8;
const CTX_ARGS: readonly string[] = ["iou_ctx", "iou_loop_params"];
const CQ_WAIT_IDX_END = 4;

const verifier_ops: VerifierOps = {
  get_func_proto: isBaseHelper,
  is_valid_access({ off, size, write, target }: AccessInfo): ContextField | undefined {
    const arg = CTX_ARGS[off / POINTER_SIZE];
    if (write || size !== POINTER_SIZE || arg === undefined) return undefined;
    const btf_id = target.findByName(arg, "STRUCT");
    return btf_id === undefined ? undefined : { kind: "btf", btf_id, trusted: true };
  },
  btf_struct_access: (struct, { off, size }) =>
    struct === "iou_loop_params" && off >= 0 && off + size <= CQ_WAIT_IDX_END,
};

/** The descriptor. */
export const ioUringBpfOps: StructOps<Registration> = {
  name: "io_uring_bpf_ops",
  verifier_ops,
  // ring_fd is taken by the kernel as data (1); priv must be zero
  init_member: (member, value) => (member === "ring_fd" ? 1 : member === "priv" && value !== 0n ? -EINVAL : 0),
  reg,
  unreg,
};

/** The order of these checks is the kernel's: the first that fails decides. */
function reg({ slot, map }: Registration): number {
  if (typeof slot === "number") return slot;
  if (slot.flags & (IORING_SETUP_SQPOLL | IORING_SETUP_IOPOLL)) return -EOPNOTSUPP;
  if (!(slot.flags & IORING_SETUP_DEFER_TASKRUN)) return -EOPNOTSUPP;
  if (slot.ops) return -EBUSY;
  if (map.slot) return -EBUSY;
  if (!map.hasLoopStep) return -EINVAL;
  slot.ops = map;
  map.slot = slot;
  return 0;
}

/** Only the map's current binding counts; a map that is not bound is left alone. */
function unreg({ map }: Registration): void {
  if (map.slot) map.slot.ops = undefined;
  map.slot = undefined;
}

/** A ring that goes away ejects its ops silently. */
export function ejectSlot(slot: OpsSlot): void {
  if (slot.ops) slot.ops.slot = undefined;
  slot.ops = undefined;
}

/** The error for a failed registration, in words. */
export function attachError(errno: number, ops: string, { slot, map }: Registration): AttachError {
  const where = `struct_ops map ${ops}`;
  if (errno === -EOPNOTSUPP && typeof slot !== "number") {
    const polled = slot.flags & (IORING_SETUP_SQPOLL | IORING_SETUP_IOPOLL);
    return new AttachError("ATTACH_EOPNOTSUPP", errno, {
      where,
      message: polled
        ? "a ring with SQPOLL or IOPOLL takes no loop"
        : "the ring lacks DEFER_TASKRUN, which a loop needs",
      found: `setup flags 0x${slot.flags.toString(16)}`,
      expected: "SINGLE_ISSUER and DEFER_TASKRUN, neither SQPOLL nor IOPOLL",
      remedy: "Create the ring with flags SINGLE_ISSUER and DEFER_TASKRUN.",
    });
  }
  if (errno === -EBUSY) {
    const ringTaken = typeof slot !== "number" && slot.ops !== undefined;
    return new AttachError("ATTACH_EBUSY", errno, {
      where,
      message: ringTaken ? "this ring has a loop attached already" : "this map is attached to another ring",
      expected: "one loop a ring, one ring a map",
      remedy: "Detach the other link first.",
    });
  }
  if (errno === -EINVAL && !map.hasLoopStep) {
    return new AttachError("ATTACH_NO_LOOP_STEP", errno, {
      where,
      message: "its loop_step is not set",
      expected: "a program in the member loop_step",
      remedy: "Write `.loop_step = (void *)your_program` in the struct_ops variable.",
    });
  }
  if (errno === -EBADF || errno === -EOPNOTSUPP) {
    return new AttachError(errno === -EBADF ? "ATTACH_EBADF" : "ATTACH_EOPNOTSUPP", errno, {
      where,
      message: errno === -EBADF ? "the ring is closed" : "ring_fd is not an io_uring",
    });
  }
  return new AttachError("ATTACH_SYSTEM", errno, { where, message: `attaching failed with errno ${-errno}` });
}
