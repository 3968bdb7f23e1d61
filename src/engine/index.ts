export { ENGINE_CHOICES, expectEngine, openEngine } from "./open-engine.ts";
export { FileError, openObject } from "./open-object.ts";
