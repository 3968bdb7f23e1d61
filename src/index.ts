// The package's public face.

import type { BpfObject as OpenedObject } from "./bpf/object/index.ts";
import { openObject } from "./engine/index.ts";

/** An opened BPF object. */
export type BpfObject = OpenedObject;

/** `await BpfObject.open("x.bpf.o")`: from a path, a URL or the bytes of the file. */
export const BpfObject: { open(source: string | URL | Uint8Array, name?: string): Promise<OpenedObject> } = {
  open: openObject,
};

export { LoopstepError } from "./base/index.ts";
export { BtfError } from "./bpf/btf/index.ts";
export { ObjectError, type KernelConfig } from "./bpf/object/index.ts";
export { VmError, VmFault } from "./bpf/vm/index.ts";
export { ElfError } from "./elf/index.ts";
export { FileError, openEngine, WorkerError } from "./engine/index.ts";
export {
  AttachError,
  DEFAULT_SETUP_FLAGS,
  LoopError,
  UnsupportedError,
  type Engine,
  type EngineName,
  type EngineOptions,
  type IoBuffer,
  type Link,
  type LoadedMap,
  type LoadedObject,
  type Ring,
  type RingOptions,
  type RunOptions,
  type RunStats,
} from "./loop/index.ts";
export {
  copyDescriptor,
  copyFile,
  findProgram,
  ProgramError,
  PROGRAMS,
  runNops,
  type CopyOptions,
  type CopyResult,
  type NopsResult,
  type ReadyProgram,
} from "./programs/index.ts";
export { SysError } from "./sys/index.ts";
export type { FaultPlan, FaultRule } from "./uring/sim/index.ts";
export { toChromeTrace, traceLine, type TraceEvent, type TraceSink } from "./uring/trace/index.ts";
