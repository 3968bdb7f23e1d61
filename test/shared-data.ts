// Data that lies beside the project in ../shared and is not part of it. Tests that read it say so when it is missing.

import { existsSync } from "node:fs";
import path from "node:path";

/** Path of `name` in ../shared. */
export const sharedPath = (name: string): string => path.join(import.meta.dirname, "../../shared", name);

/** Why tests over `name` are skipped, or undefined when it is there. */
export function missingShared(name: string): string | undefined {
  return existsSync(sharedPath(name)) ? undefined : `../shared/${name} is not beside the project`;
}
