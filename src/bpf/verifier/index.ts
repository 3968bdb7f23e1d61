// The verifier: what Linux 7.2 would say of a program, without Linux.
export { Range } from "./bounds.ts";
export { KERNEL_LIMITS, type Limits, type Observer } from "./env.ts";
export { VerifierError, type VerifierErrorCode } from "./errors.ts";
export {
  KF_ACQUIRE,
  KF_DESTRUCTIVE,
  KF_ITER_DESTROY,
  KF_ITER_NEW,
  KF_ITER_NEXT,
  KF_RCU,
  KF_RCU_PROTECTED,
  KF_RELEASE,
  KF_RET_NULL,
  KF_SLEEPABLE,
  type KfuncRow,
} from "./kfuncs.ts";
export {
  isBaseHelper,
  programType,
  RAW_TRACEPOINT,
  SOCKET_FILTER,
  structOpsType,
  SYSCALL,
  type ProgramType,
} from "./prog-types.ts";
export { helperIds, helperProto, type ArgSpec, type HelperProto } from "./helpers-proto.ts";
export { Reg, SCALAR_VALUE, typeName } from "./reg-state.ts";
export { Frame, State } from "./states.ts";
export { toBigInt as u64ToBigInt, toSigned as u64ToSigned, U64 } from "./u64.ts";
export type { Diagnostic, Verdict } from "./verdict.ts";
export { verify, verifyOrThrow, type VerifyOptions } from "./verifier.ts";
