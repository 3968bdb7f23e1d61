// The forms a trace may be written in. Apart from the writing itself, which is loaded when there is a trace.

import { UsageError } from "./errors.ts";

export const TRACE_FORMATS = ["jsonl", "perfetto"] as const;
export type TraceFormat = (typeof TRACE_FORMATS)[number];

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
