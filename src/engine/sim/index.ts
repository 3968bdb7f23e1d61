// The `sim` engine. Browser-safe: the world of real files is in ./node.

export { openSimEngine, SimEngine, type SimEngineOptions } from "./sim-engine.ts";
