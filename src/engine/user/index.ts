export { openUserEngine } from "./user-engine.ts";
