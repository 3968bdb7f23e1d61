// What the options of a ring ask for, read and refused alike by all engines.

import { DEFAULT_SETUP_FLAGS, UnsupportedError, type RingOptions } from "../loop/index.ts";
import { parseSetupFlags, type SetupRequest } from "../uring/abi/index.ts";

const PAGE = 4096;

/**
 * What io_uring_setup is asked for by these options. Throws what parseSetupFlags throws, and FEATURE_UNSUPPORTED for options
 * that are none, and a parameter region that is not whole pages.
 */
export function setupRequest(options: RingOptions): SetupRequest {
  // from JavaScript anything may come
  const { entries, cq_entries, flags, mem }: Partial<RingOptions> = options ?? {};
  if (typeof entries !== "number")
    throw new UnsupportedError("FEATURE_UNSUPPORTED", {
      message: "the options of a ring say how many entries it has",
      found: `entries: ${String(entries)}`,
      expected: "createRing({ entries: 8 }), 1 to 32768",
    });
  checkMemSize(mem);
  const names = flags ?? DEFAULT_SETUP_FLAGS.filter((name) => name !== "CQSIZE" || cq_entries !== undefined);
  return { entries, flags: parseSetupFlags(names), ...(cq_entries === undefined ? {} : { cq_entries }) };
}

function checkMemSize(mem: number | undefined): void {
  if (mem === undefined || (Number.isInteger(mem) && mem > 0 && mem % PAGE === 0)) return;
  throw new UnsupportedError("FEATURE_UNSUPPORTED", {
    message: "the parameter region must be whole pages",
    found: `${mem} bytes`,
    expected: `a multiple of ${PAGE}, not 0`,
  });
}
