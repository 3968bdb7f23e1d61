// Errors of the command line itself: options, values, files it was asked to read.

import { LoopstepError } from "../base/index.ts";

export class UsageError extends LoopstepError<"USAGE_COMMAND" | "USAGE_OPTION" | "USAGE_VALUE" | "USAGE_FILE"> {}
