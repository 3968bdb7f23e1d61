// What the `sim` engine can have in Node: real files.

import type { EngineOptions } from "../../../loop/index.ts";
import { openSimEngine, type SimEngine } from "../sim-engine.ts";
import { NodeWorld } from "./node-world.ts";

/** Opens the `sim` engine over the files of this machine. */
export const openSimOverFiles = (options: EngineOptions = {}): SimEngine =>
  openSimEngine({ ...options, world: new NodeWorld() });

export { NodeWorld } from "./node-world.ts";
