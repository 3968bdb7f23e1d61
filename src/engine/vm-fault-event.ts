// A program's fault as a trace has it.

import type { FaultFacts } from "../bpf/vm/index.ts";
import type { UntimedEvent } from "../uring/trace/index.ts";

/** The event for `facts`, but for its ring. */
export function vmFaultEvent({ address, ...facts }: FaultFacts): Extract<UntimedEvent, { ev: "vmfault" }> {
  return { ev: "vmfault", ...facts, ...(address === undefined ? {} : { address: String(address) }) };
}
