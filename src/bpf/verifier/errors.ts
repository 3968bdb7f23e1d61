// The error of this folder, and the exception that ends a verification from inside.

import { LoopstepError, type ErrorFacts } from "../../base/index.ts";
import type { Verdict } from "./verdict.ts";

export type VerifierErrorCode = "VERIFIER_REJECTED" | "VERIFIER_OPTION";

/** Thrown where a rejected program cannot be gone on with; `verdict` says why. */
export class VerifierError extends LoopstepError<VerifierErrorCode> {
  readonly verdict: Verdict | undefined;

  constructor(code: VerifierErrorCode, facts: ErrorFacts, verdict?: Verdict) {
    super(code, facts);
    this.verdict = verdict;
  }
}

/** Ends a verification: the program is refused. Its words are in the log by then. Never leaves this folder. */
export class Rejection {
  /** Positive errno. */
  readonly errno: number;

  constructor(errno: number) {
    this.errno = errno;
  }
}
