// Why the kernel that runs here can run no loops itself: what the kernel's own tests skip for.

import { openKernelEngine } from "../src/engine/kernel/index.ts";
import { UnsupportedError } from "../src/loop/index.ts";

/** The reason in the engine's own words, or undefined. Inside the rig there must be none. */
export function missingLoops(): string | undefined {
  try {
    openKernelEngine()[Symbol.dispose]();
    return undefined;
  } catch (error) {
    if (error instanceof UnsupportedError) return error.message;
    throw error;
  }
}
