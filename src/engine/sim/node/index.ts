// What the `sim` engine can have in Node: real files.

export { NodeWorld } from "./node-world.ts";
