// Where a worker's module lies: among what is built, even when the sources run as they are (tests), because Node 20 does not
// take TypeScript.

import { PACKAGE_ROOT } from "./package-root.ts";

/** URL of the built module of `src/NAME.ts`, an entry of the build. */
export function workerUrl(name: string): URL {
  return new URL(`dist/${name}.js`, PACKAGE_ROOT);
}
