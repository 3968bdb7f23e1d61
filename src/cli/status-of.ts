// Which exit status an error ends with.

import type { LoopstepError } from "../base/index.ts";
import { EXIT } from "./exit-status.ts";

/** The command line asked for something that is not there, or cannot be: status 2. */
const USAGE: ReadonlySet<string> = new Set([
  "FILE_READ",
  "OBJECT_NAME",
  "OBJECT_STRUCT_OPS_CHOICE",
  "OBJECT_VALUE",
  "BTF_RANGE",
  "BTF_VALUE",
  "URING_SETUP_FLAG",
  "SIM_PLAN",
  "CHECK_SYNTAX",
  "CHECK_NAME",
  "CHECK_TYPE",
]);

/** This machine cannot: status 4. */
const UNSUPPORTED: ReadonlySet<string> = new Set([
  "ENGINE_UNAVAILABLE",
  "FLAG_UNSUPPORTED",
  "FEATURE_UNSUPPORTED",
  "VM_UNSUPPORTED",
  "SYS_NO_FFI",
  "SYS_PLATFORM",
  "SYS_EPERM",
  "SYS_ENOSYS",
]);

/** A ring refused for what this kernel is, not for what was asked: what was found then names the version. */
const isForeignToKernel = ({ code, found }: LoopstepError): boolean =>
  code === "SYS_EINVAL" && /\bLinux \d/.test(found ?? "");

/** The exit status for `error`. */
export function statusOf(error: LoopstepError): number {
  const { code } = error;
  if (code.startsWith("USAGE_") || USAGE.has(code)) return EXIT.usage;
  if (code.startsWith("VERIFIER_")) return EXIT.rejected;
  return UNSUPPORTED.has(code) || isForeignToKernel(error) ? EXIT.unsupported : EXIT.failed;
}
