// Errors of the command line itself: options, values, files it was asked to read.

import { LoopstepError } from "../base/index.ts";

export class UsageError extends LoopstepError<"USAGE_COMMAND" | "USAGE_OPTION" | "USAGE_VALUE" | "USAGE_FILE"> {}

/** What is wrong with the contents of a file: the error of the reader, with the file's name before its place. */
export class InputError extends LoopstepError {
  constructor(file: string, error: LoopstepError) {
    const { code, summary, found, expected, where, remedy } = error;
    super(code, {
      message: summary,
      where: where === undefined ? file : `${file}: ${where}`,
      found,
      expected,
      remedy,
      cause: error,
    });
  }
}
