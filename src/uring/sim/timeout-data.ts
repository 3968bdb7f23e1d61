// What a timeout request carries (struct io_timeout and io_timeout_data of io_uring/timeout.c).

import type { Request } from "./state.ts";

/** A TIMEOUT's or LINK_TIMEOUT's own state, in `req.data`. */
export interface TimeoutData {
  /** sqe->off: completions to wait for, or repeats of a multishot; 0: only the time counts. */
  count: number;
  targetSeq: number;
  repeats: number;
  /** Relative: ns from when it is started. Absolute: the instant on the simulated CLOCK_MONOTONIC. */
  ns: number;
  absolute: boolean;
  readonly realtime: boolean;
  readonly multishot: boolean;
  readonly etimeSuccess: boolean;
  /** LINK_TIMEOUT: the request it guards, until that finishes. */
  head: Request | null;
  /** LINK_TIMEOUT: the guarded request, held while the expiry is handled. */
  prev: Request | null;
}
