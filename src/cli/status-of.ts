// Which exit status an error ends with.

import type { LoopstepError } from "../base/index.ts";
import { EXIT } from "./exit-status.ts";

/** Codes that mean "this machine cannot": status 4. */
const UNSUPPORTED =
  /^(ENGINE_UNAVAILABLE|FLAG_UNSUPPORTED|FEATURE_UNSUPPORTED|SETUP_|SYS_(NO_KOFFI|EPERM|ENOSYS|PLATFORM))/;
const REJECTED = /^VERIFIER_/;
const USAGE = /^(USAGE_|GLOBAL_|VALUE_|ATTACH_(WHICH|UNKNOWN)_OPS)/;

/** The exit status for `error`. */
export function statusOf({ code }: LoopstepError): number {
  if (UNSUPPORTED.test(code)) return EXIT.unsupported;
  if (REJECTED.test(code)) return EXIT.rejected;
  if (USAGE.test(code)) return EXIT.usage;
  return EXIT.failed;
}
