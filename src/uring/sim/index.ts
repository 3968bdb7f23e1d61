// The simulated io_uring of Linux 7.2: a machine in virtual time over a plain buffer, seeded, with faults on demand.

export { SimError, type SimErrorCode } from "./errors.ts";
export { FaultInjector, type FaultMatch, type FaultPlan, type FaultRule, type Range } from "./faults.ts";
export { DEFAULT_COSTS, SimKernel, type SimOptions } from "./kernel.ts";
export { SIM_BASE, SIM_PAGE, SimMemory } from "./memory.ts";
export { isSimulated, SIM_OPTABLE } from "./ops/optable.ts";
export { LoopRun, type LoopLimits } from "./run-loop.ts";
export {
  OpenFile,
  WorldFile,
  type Costs,
  type FileKind,
  type FileStat,
  type LoopParams,
  type LoopStep,
  type Machine,
  type Network,
  type OpRow,
  type Place,
  type Ring,
  type World,
} from "./state.ts";
export { MemoryWorld } from "./world-memory.ts";
