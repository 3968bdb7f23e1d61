// What a ready-made program says of its own failure. The loop itself stopped as it should; the work it was to do did not
// succeed.

import { describeErrno, LoopstepError, type ErrorFacts } from "../base/index.ts";

export type ProgramErrorCode = "PROGRAM_FAILED" | "PROGRAM_SAME_FILE" | "PROGRAM_VALUE";

/**
 * - `PROGRAM_FAILED`: it ran and failed at its work
 * - `PROGRAM_SAME_FILE`, `PROGRAM_VALUE`: it was not started, for what it was asked to do
 */
export class ProgramError extends LoopstepError<ProgramErrorCode> {
  /** Negative errno of the request or submission that failed; 0 where none was made. */
  readonly errno: number;

  constructor(code: ProgramErrorCode, errno: number, message: string, facts: Omit<ErrorFacts, "message"> = {}) {
    super(code, { message, ...(errno === 0 ? {} : { found: describeErrno(-errno) }), ...facts });
    this.errno = errno;
  }

  override toJSON(): Record<string, unknown> {
    return { ...super.toJSON(), errno: this.errno };
  }
}

/** Throws PROGRAM_VALUE unless `value` is a whole number from `min` to `max`. */
export function checkWhole(name: string, value: number, min: number, max: number): void {
  if (Number.isInteger(value) && value >= min && value <= max) return;
  throw new ProgramError("PROGRAM_VALUE", 0, "the value is out of range", {
    where: name,
    found: String(value),
    expected: `a whole number from ${min} to ${max}`,
  });
}
