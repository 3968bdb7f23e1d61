// What the `kernel` engine and the thread of one of its rings say to each other: requests by name, all plain data.

import type { RingPlacement } from "../../sys/index.ts";
import type { RingParams, SetupRequest } from "../../uring/abi/index.ts";
import type { Wakeable } from "./wake.ts";

/** What the thread is begun with. */
export interface ThreadData {
  readonly memory: WebAssembly.Memory;
}

/** "create": makes the ring. */
export interface CreateRequest {
  readonly place: RingPlacement;
  readonly request: SetupRequest;
  /** The parameter region, an offset into the memory. */
  readonly mem: { readonly address: number; readonly size: number } | undefined;
}

export interface CreateReply {
  readonly fd: number;
  readonly params: RingParams;
  readonly wakeable: Wakeable;
}

/** "run": one io_uring_enter. */
export interface RunReply {
  /** What it returned. */
  readonly result: number;
  readonly wallNs: number;
}

/** Words of the control block that are this engine's own; see CONTROL for the others. */
export const OWN = {
  /** 1 while the thread is inside io_uring_enter. */
  inside: 6,
} as const;

/** Beside ABORT: the run is ended because its loop is taken away. */
export const EJECT = 9;
