// The options that describe a ring, the same in every command that takes one.

import { DEFAULT_SETUP_FLAGS, type RingOptions } from "../loop/index.ts";
import type { ParsedOptions } from "./command.ts";

const MAX_ENTRIES = 32768;

/** --entries, --cq-entries, --setup. */
export function ringOf(options: ParsedOptions): RingOptions {
  const entries = options.integer("entries", 1, MAX_ENTRIES) ?? 8;
  const cqEntries = options.integer("cq-entries", 1, 2 * MAX_ENTRIES);
  const flags =
    options
      .text("setup")
      ?.split(",")
      .filter((flag) => flag !== "") ?? DEFAULT_SETUP_FLAGS;
  // CQSIZE without a size would be refused; the queue of the loop's default is as long as the other
  const sized = flags.includes("CQSIZE") || cqEntries !== undefined;
  return { entries, flags, ...(sized ? { cq_entries: cqEntries ?? entries } : {}) };
}
