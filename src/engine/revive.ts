// Errors that crossed from a ring's thread: the class is made anew from the facts where the caller knows it.

import { SysError } from "../sys/index.ts";
import { ThreadError } from "./ring-thread.ts";

/** A SysError for the facts of one; any other error as it is. */
export function reviveSysError(error: unknown): unknown {
  if (!(error instanceof ThreadError) || error.facts["name"] !== "SysError") return error;
  const { code, summary, found, expected, where, remedy, errno, syscall } = error.facts as Record<string, never>;
  return new SysError(code, { message: summary, found, expected, where, remedy, errno, syscall });
}
