// Files the command line reads and writes: one sentence when that fails. `-` is stdin or stdout.

import { readFileSync, writeFileSync } from "node:fs";
import { UsageError } from "./errors.ts";

const STDIN = 0;

/** The bytes of `file`. Throws USAGE_FILE. */
export function readInput(file: string): Uint8Array {
  try {
    return readFileSync(file === "-" ? STDIN : file);
  } catch (cause) {
    throw fileError(file, "the file cannot be read", cause);
  }
}

/** Writes to `file`, or to stdout when there is none or it is `-`. Throws USAGE_FILE. */
export function writeOutput(file: string | undefined, content: Uint8Array | string): void {
  if (file === undefined || file === "-") {
    process.stdout.write(content);
    return;
  }
  try {
    writeFileSync(file, content);
  } catch (cause) {
    throw fileError(file, "the file cannot be written", cause);
  }
}

function fileError(file: string, message: string, cause: unknown): UsageError {
  return new UsageError("USAGE_FILE", { where: file, message, found: (cause as NodeJS.ErrnoException).code, cause });
}
