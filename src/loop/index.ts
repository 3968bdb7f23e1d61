export {
  currentTaskHelpers,
  KFUNC_SIGNATURES,
  loopKfuncs,
  placeTask,
  type Region,
  type Regions,
} from "./calls/index.ts";
export {
  DEFAULT_SETUP_FLAGS,
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
} from "./engine.ts";
export { AttachError, LoopError, UnsupportedError, type AttachErrorCode, type LoopErrorCode } from "./errors.ts";
export {
  attachError,
  ejectSlot,
  ioUringBpfOps,
  type OpsMap,
  type OpsSlot,
  type Registration,
} from "./io-uring-bpf-ops.ts";
export { LINUX_CONFIG } from "./linux-config.ts";
export { LOOP_STEP_TYPE } from "./loop-step-type.ts";
export { PARAM_BY_PATH, ringGeometry, type RingGeometry } from "./ring-params.ts";
export { loopTargetBtf } from "./target-btf/linux-target.ts";
export { vmTargetBtf } from "./target-btf/vm-target.ts";
