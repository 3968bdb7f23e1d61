// The browser entry, `loopstep/sim`: objects and the `sim` engine, with neither node:* nor FFI behind it.

import { BpfObject as Opened } from "./bpf/object/index.ts";

/** An opened BPF object. */
export type BpfObject = Opened;

/** `BpfObject.open(bytes)`: from the bytes of a file. */
export const BpfObject: { open(bytes: Uint8Array, name?: string): Opened } = {
  open: (bytes, name) => Opened.open(bytes, name === undefined ? {} : { name }),
};

export { LoopstepError } from "./base/index.ts";
export { VmFault } from "./bpf/vm/index.ts";
export { openSimEngine, SimEngine, type SimEngineOptions } from "./engine/sim/index.ts";
export {
  AttachError,
  DEFAULT_SETUP_FLAGS,
  LoopError,
  type Engine,
  type IoBuffer,
  type Link,
  type LoadedObject,
  type Ring,
  type RingOptions,
  type RunOptions,
  type RunStats,
} from "./loop/index.ts";
export { MemoryWorld, SimError, SimKernel, type FaultPlan, type FaultRule, type World } from "./uring/sim/index.ts";
export { toChromeTrace, traceLine, type TraceEvent, type TraceSink } from "./uring/trace/index.ts";
