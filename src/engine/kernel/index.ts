export { openKernelEngine } from "./kernel-engine.ts";
