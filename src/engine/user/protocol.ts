// What the `user` engine and the thread of one of its rings say to each other: requests by name, all plain data.

import type { FaultFacts, VmImage } from "../../bpf/vm/index.ts";
import type { Regions } from "../../loop/index.ts";
import type { RingPlacement } from "../../sys/index.ts";
import type { RingParams, SetupRequest } from "../../uring/abi/index.ts";
import type { TraceWire } from "../trace-pipe.ts";
import type { WatchedSection } from "../watched-globals.ts";

/** Bytes of the step counter. */
export const STEPS_BYTES = 8;

/** What the thread is started with. */
export interface StartData {
  /** Where a trace goes, if one is wanted. */
  readonly trace: TraceWire | undefined;
}

/** What the thread is begun with. */
export interface ThreadData {
  readonly memory: WebAssembly.Memory;
}

/** "create": makes the ring. */
export interface CreateRequest {
  readonly place: RingPlacement;
  readonly request: SetupRequest;
  /** The parameter region, an offset into the memory. */
  /** Address of STEPS_BYTES for the step counter, then OWN_BYTES for the ring's own (submit-code.ts); zeroed. */
  readonly counters: number;
  readonly mem: { readonly address: number; readonly size: number } | undefined;
}

export interface CreateReply {
  readonly fd: number;
  readonly params: RingParams;
  /** Sentences on what the kernel lacks. */
  readonly notes: readonly string[];
}

/** "attach": takes over the loop. "prepare": makes ready for it. */
export interface AttachRequest {
  readonly image: VmImage;
  readonly regions: Regions;
  /** Addresses of the u64[2] context, of struct iou_loop_params, and the value that stands for struct iou_ctx. */
  readonly ctx: number;
  readonly params: number;
  /** Address of two words that count the steps of a run, 64 bits. */
  readonly steps: number;
  readonly iouCtx: number;
  /** Address of struct task_struct. */
  readonly task: number;
  readonly interpret: boolean;
  /** Check every access: the program was not verified. */
  readonly checked: boolean;
  readonly seed: number;
  /** The globals a trace tells of. */
  readonly watched?: readonly WatchedSection[] | undefined;
  /** The program is the one of the last "prepare". */
  readonly prepared: boolean;
}

/** "run": one io_uring_enter. */
export interface RunRequest {
  /** -1: no limit. */
  readonly maxSteps: number;
}

export interface RunReply {
  readonly result: number;
  readonly ended: "signal" | "timeout" | "eject" | "steps" | undefined;
  readonly fault: FaultFacts | undefined;
  readonly steps: number;
  readonly submitted: number;
  readonly completed: number;
  readonly enters: number;
  readonly wallNs: number;
}
