// Whether two paths lead to one file, by links too.

import { statSync } from "node:fs";

/** True when both exist and are the same regular file: to truncate one is to lose the other. */
export function isSameFile(a: string, b: string): boolean {
  const [first, second] = [a, b].map((path) => statSync(path, { bigint: true, throwIfNoEntry: false }));
  return (
    first !== undefined &&
    second !== undefined &&
    first.isFile() &&
    first.dev === second.dev &&
    first.ino === second.ino
  );
}
