// Where a worker's module lies: among what is built, even when the sources run as they are (tests), because Node 20 does not
// take TypeScript.

import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { LoopstepError } from "../base/index.ts";
import { PACKAGE_ROOT } from "./package-root.ts";

/** A module that runs in a thread of its own is not there. */
export class WorkerError extends LoopstepError<"WORKER_MISSING"> {}

/**
 * URL of the built module of `src/NAME.ts`, an entry of the build. Throws WorkerError when it is not there: a thread that
 * cannot load its module says so to nobody, because who started it waits for its first word.
 */
export function workerUrl(name: string): URL {
  const url = new URL(`dist/${name}.js`, PACKAGE_ROOT);
  if (!existsSync(url))
    throw new WorkerError("WORKER_MISSING", {
      message: "a module that loopstep runs in a thread is not there",
      where: fileURLToPath(url),
      remedy:
        "Keep the whole package beside the program (a bundler must leave it external); in a checkout: npm run build",
    });
  return url;
}
