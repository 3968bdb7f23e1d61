// `--trace FILE`: events of a run into a file while they happen, as JSON Lines or as a Chrome trace. `-` is stdout.

import { accessSync, closeSync, constants, existsSync, openSync, writeSync } from "node:fs";
import path from "node:path";
import { ChromeTrace, traceLine, type TraceEvent, type TraceSink } from "../uring/trace/index.ts";
import { UsageError } from "./errors.ts";
import { STDOUT, type TraceFormat } from "./trace-format.ts";

/** Text is handed to the system in pieces of about this length. */
const PIECE = 1 << 16;
const STDOUT_FD = 1;
/** A pipe that is full is tried again after so long, ms. */
const RETRY_MS = 1;

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
    if (file === STDOUT) return STDOUT_FD;
    try {
      return openSync(file, "w");
    } catch (cause) {
      throw cannotWrite(file, cause);
    }
  };
  let failure: UsageError | undefined;
  /** Whoever reads has seen enough (| head). */
  let unread = false;
  let ended = false;
  let pending = "";
  const flush = (): void => {
    const bytes = Buffer.from(pending);
    pending = "";
    try {
      writeAll(fd!, bytes);
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === "EPIPE") unread = true;
      else failure ??= cannotWrite(file, cause);
    }
  };
  const chrome = format === "perfetto" ? new ChromeTrace() : undefined;
  const textOf = chrome === undefined ? traceLine : (event: TraceEvent) => chrome.add(event);
  const sink: TraceSink = (event) => {
    if (ended) return;
    fd ??= create();
    // A full disk must not end the loop from within; it is told at the end.
    if (failure !== undefined || unread) return;
    pending += textOf(event);
    if (pending.length >= PIECE) flush();
  };
  return {
    sink,
    end() {
      ended = true;
      if (fd === undefined) return undefined;
      if (chrome !== undefined) pending += chrome.end();
      if (failure === undefined && !unread) flush();
      if (file !== STDOUT) closeSync(fd);
      return failure;
    },
  };
}

function writeAll(fd: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) {
    try {
      at += writeSync(fd, bytes, at);
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== "EAGAIN") throw cause;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS);
    }
  }
}

/** Throws USAGE_FILE where a trace could not be written in the end: better told before the work. The file stays as it is. */
export function checkTraceFile(file: string): void {
  if (file === STDOUT) return;
  try {
    if (file === "" || existsSync(file)) closeSync(openSync(file, "a"));
    else accessSync(path.dirname(file), constants.W_OK);
  } catch (cause) {
    throw cannotWrite(file, cause);
  }
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
