// The `sim` engine, and running loops under many schedules. Browser-safe: the world of real files is in ./node.

export { CheckError, compileCheck, type Check, type CheckScope } from "./check-expression.ts";
export {
  explore,
  type ExploreOptions,
  type ExploreReport,
  type Finding,
  type Problem,
  type ProblemKind,
  type RunSetup,
  type Scenario,
} from "./explore.ts";
export { loopScenario, type LoopScenario } from "./loop-scenario.ts";
export { openSimEngine, SimEngine, type SimEngineOptions } from "./sim-engine.ts";
