// The verifier: what Linux 7.2 would say of a program, without Linux.
export { VerifierError, type VerifierErrorCode } from "./errors.ts";
export { KF_RET_NULL, KF_SLEEPABLE } from "./kfuncs.ts";
export { isBaseHelper, programType, structOpsType, type ProgramType } from "./prog-types.ts";
export type { Diagnostic, Verdict } from "./verdict.ts";
export { verify, verifyOrThrow, type VerifyOptions } from "./verifier.ts";
