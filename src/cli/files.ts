// Files the command line reads and writes: one sentence when that fails. `-` is stdin or stdout.

import { writeFileSync } from "node:fs";
import { InputError, LoopstepError } from "../base/index.ts";
import { FileError, readWhole } from "../engine/index.ts";
import { UsageError } from "./errors.ts";

const STDIN = 0;

/** The bytes of `file`. Throws FileError. */
export function readInput(file: string): Uint8Array {
  return readWhole(file === "-" ? STDIN : file, "the file");
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
    throw new UsageError("USAGE_FILE", {
      where: file,
      message: "the file cannot be written",
      found: (cause as NodeJS.ErrnoException).code,
      cause,
    });
  }
}

/** `error` as one of what is in `file`: readers of a format know the place in the file, not its name. */
export function inFile(file: string, error: unknown): unknown {
  return error instanceof LoopstepError && !(error instanceof FileError) ? new InputError(file, error) : error;
}
