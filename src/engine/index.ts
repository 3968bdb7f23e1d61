export { ENGINE_CHOICES, expectEngine, openEngine } from "./open-engine.ts";
export { openObject, readObject } from "./open-object.ts";
export { FileError, readWhole } from "./read-whole.ts";
export { WorkerError } from "./worker-url.ts";
