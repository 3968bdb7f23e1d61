export { ENGINE_CHOICES, openEngine } from "./open-engine.ts";
export { FileError, openObject } from "./open-object.ts";
