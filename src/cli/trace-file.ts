// `--trace FILE`: events of a run into a file, as JSON Lines while they happen, or as a Chrome trace when it is over.

import { closeSync, openSync, writeSync } from "node:fs";
import { toChromeTrace, traceLine, type TraceEvent, type TraceSink } from "../uring/trace/index.ts";
import { UsageError } from "./errors.ts";
import type { TraceFormat } from "./trace-format.ts";

/** Text is handed to the system in pieces of about this length. */
const PIECE = 1 << 16;

/** A trace being written. */
export interface TraceFile {
  readonly sink: TraceSink;
  /** Writes what is left and closes; returns what went wrong since the file was opened. */
  end(): UsageError | undefined;
}

/**
 * A trace into `file`, which the first event creates or empties: where nothing begins, nothing is lost. That first event,
 * before the loop, throws USAGE_FILE.
 */
export function openTraceFile(file: string, format: TraceFormat): TraceFile {
  let fd: number | undefined;
  const create = (): number => {
    try {
      return openSync(file, "w");
    } catch (cause) {
      throw cannotWrite(file, cause);
    }
  };
  let failure: UsageError | undefined;
  let pending = "";
  const events: TraceEvent[] = [];
  const flush = (): void => {
    const bytes = Buffer.from(pending);
    pending = "";
    try {
      for (let at = 0; at < bytes.length;) at += writeSync(fd!, bytes, at);
    } catch (cause) {
      failure ??= cannotWrite(file, cause);
    }
  };
  const sink: TraceSink = (event) => {
    fd ??= create();
    if (format === "perfetto") return void events.push(event);
    // A full disk must not end the loop from within; it is told at the end.
    if (failure !== undefined) return;
    pending += traceLine(event);
    if (pending.length >= PIECE) flush();
  };
  return {
    sink,
    end() {
      if (fd === undefined) return undefined;
      if (format === "perfetto") pending = toChromeTrace(events);
      flush();
      closeSync(fd);
      return failure;
    },
  };
}

/** Writes a whole trace. Throws USAGE_FILE. */
export function writeTrace(file: string, format: TraceFormat, events: readonly TraceEvent[]): void {
  const trace = openTraceFile(file, format);
  for (const event of events) trace.sink(event);
  const failure = trace.end();
  if (failure !== undefined) throw failure;
}

function cannotWrite(file: string, cause: unknown): UsageError {
  return new UsageError("USAGE_FILE", {
    where: `--trace ${file}`,
    message: "the file cannot be written",
    found: (cause as NodeJS.ErrnoException).code,
    cause,
  });
}
