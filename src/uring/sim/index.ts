// The simulated io_uring of Linux 7.2: a machine in virtual time over a plain buffer, seeded, with faults on demand.

export { SimError, type SimErrorCode } from "./errors.ts";
export { FaultInjector, type FaultPlan, type FaultRule } from "./faults.ts";
export { SimKernel, type SimOptions } from "./kernel.ts";
export { SIM_BASE, SimMemory } from "./memory.ts";
export { LoopRun } from "./run-loop.ts";
export { SIM_KERNEL_VERSION } from "./setup.ts";
export {
  OpenFile,
  WorldFile,
  type Costs,
  type FileKind,
  type FileStat,
  type LoopStep,
  type Network,
  type Place,
  type Ring,
  type World,
} from "./state.ts";
export { MemoryWorld } from "./world-memory.ts";
