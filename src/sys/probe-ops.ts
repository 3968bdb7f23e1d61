// The answer of IORING_REGISTER_PROBE as a set of opcodes.

import { getField, viewOf } from "../base/index.ts";
import { io_uring_probe, io_uring_probe_op, IORING_REGISTER_FLAGS } from "../uring/abi/index.ts";

/** Room for a probe of all 256 opcodes. */
export const PROBE_BYTES: number = io_uring_probe.size + 256 * io_uring_probe_op.size;

/** Opcodes marked as supported. */
export function decodeProbe(bytes: Uint8Array): ReadonlySet<number> {
  const view = viewOf(bytes);
  const count = Number(getField(io_uring_probe, view, 0, "ops_len"));
  const ops = new Set<number>();
  for (let i = 0; i < count; i++) {
    const at = io_uring_probe.size + i * io_uring_probe_op.size;
    const flags = Number(getField(io_uring_probe_op, view, at, "flags"));
    if (flags & IORING_REGISTER_FLAGS.IO_URING_OP_SUPPORTED)
      ops.add(Number(getField(io_uring_probe_op, view, at, "op")));
  }
  return ops;
}
