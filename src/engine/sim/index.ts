// The `sim` engine, and running loops under many schedules. Browser-safe: the world of real files is in ./node.

export { compileCheck } from "./check-expression.ts";
export { explore, type ExploreReport, type Finding, type Scenario } from "./explore.ts";
export { loopScenario } from "./loop-scenario.ts";
export { openSimEngine, SimEngine, type SimEngineOptions } from "./sim-engine.ts";
