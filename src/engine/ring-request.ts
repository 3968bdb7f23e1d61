// What the options of a ring ask for, read and refused alike by all engines.

import { UnsupportedError, type RingOptions } from "../loop/index.ts";
import { parseSetupFlags, type SetupRequest } from "../uring/abi/index.ts";

const PAGE = 4096;

/**
 * What io_uring_setup is asked for by these options. Throws what parseSetupFlags throws, and FEATURE_UNSUPPORTED for a
 * parameter region that is not whole pages.
 */
export function setupRequest({ entries, cq_entries, flags, mem }: RingOptions): SetupRequest {
  checkMemSize(mem);
  return { entries, flags: parseSetupFlags(flags), ...(cq_entries === undefined ? {} : { cq_entries }) };
}

function checkMemSize(mem: number | undefined): void {
  if (mem === undefined || (Number.isInteger(mem) && mem > 0 && mem % PAGE === 0)) return;
  throw new UnsupportedError("FEATURE_UNSUPPORTED", {
    message: "the parameter region must be whole pages",
    found: `${mem} bytes`,
    expected: `a multiple of ${PAGE}, not 0`,
  });
}
