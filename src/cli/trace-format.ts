// The forms a trace may be written in. Apart from the writing itself, which is loaded when there is a trace.

import type { ParsedOptions } from "./command.ts";
import { UsageError } from "./errors.ts";

export const TRACE_FORMATS = ["jsonl", "perfetto"] as const;
export type TraceFormat = (typeof TRACE_FORMATS)[number];

/** The name of a trace file that stands for stdout. */
export const STDOUT = "-";

/** Where a command prints its result: stdout, or stderr when the trace goes there. Throws UsageError. */
export function resultStream(options: ParsedOptions): NodeJS.WriteStream {
  if (options.text("trace") !== STDOUT) return process.stdout;
  if (!options.flag("json")) return process.stderr;
  throw new UsageError("USAGE_OPTION", {
    where: `--trace ${STDOUT}`,
    message: "stdout is where --json prints its object",
    remedy: "Give the trace a file.",
  });
}

/** The format `text` names: jsonl when none is given. Throws UsageError. */
export function traceFormatOf(text: string | undefined, file: string | undefined): TraceFormat {
  const format = TRACE_FORMATS.find((known) => known === (text ?? "jsonl"));
  const where = `--trace-format ${text}`;
  if (format === undefined) {
    throw new UsageError("USAGE_VALUE", {
      where,
      message: "there is no such format",
      expected: TRACE_FORMATS.join(", "),
    });
  }
  if (text !== undefined && file === undefined) {
    throw new UsageError("USAGE_OPTION", {
      where,
      message: "there is no trace to write",
      remedy: "Add --trace FILE.",
    });
  }
  return format;
}
