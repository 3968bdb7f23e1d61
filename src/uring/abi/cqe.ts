// struct io_uring_cqe of include/uapi/linux/io_uring.h at v7.2: 16 bytes, or 32 with IORING_SETUP_CQE32 (and where
// IORING_SETUP_CQE_MIXED posts one with IORING_CQE_F_32).

import { layout, type Layout } from "../../base/index.ts";

const FIELDS = { user_data: [0, "u64"], res: [8, "s32"], flags: [12, "u32"] } as const;
const BIG_FIELDS = { ...FIELDS, big_cqe0: [16, "u64"], big_cqe1: [24, "u64"] } as const;

/** The ordinary, 16-byte completion. */
export const io_uring_cqe: Layout<"user_data" | "res" | "flags"> = layout("io_uring_cqe", 16, FIELDS);

/** The 32-byte completion; `big_cqe0` and `big_cqe1` are the kernel's `big_cqe[0]` and `[1]`. */
export const io_uring_cqe32: Layout<"user_data" | "res" | "flags" | "big_cqe0" | "big_cqe1"> = layout(
  "io_uring_cqe",
  32,
  BIG_FIELDS,
);
