// What engine.buffer() is asked for: a number that a host may have computed, looked at before memory is.

import { VmError } from "../bpf/vm/index.ts";

/** Throws VmError VM_MEMORY for what is no number of bytes. */
export function checkBufferSize(bytes: number): void {
  if (Number.isSafeInteger(bytes) && bytes >= 0) return;
  throw new VmError("VM_MEMORY", {
    message: "this is no size of a buffer",
    found: String(bytes),
    expected: "a whole number of bytes",
  });
}
