// What happened, as plain data: one flat object an event, in the order of happening, each with its time. The schema, and
// which engine writes what, is docs/trace-format.md. 64-bit values are decimal strings.

import type { SqeFields } from "./sqe-fields.ts";

/** Fields of every event: `t` is ns of the run's clock, `ring` the ring's number (its descriptor). */
interface TraceBase {
  readonly t: number;
  readonly ring?: number;
}

/** One event of a trace; `ev` tells which. */
export type TraceEvent =
  /** A ring was made. */
  | (TraceBase & { readonly ev: "setup"; readonly sq: number; readonly cq: number; readonly flags: number })
  /** io_uring_register(2) was called; `res` is what it returned. */
  | (TraceBase & { readonly ev: "register"; readonly op: number; readonly res: number })
  /** An object was loaded: so many programs and maps of it. */
  | (TraceBase & { readonly ev: "load"; readonly object: string; readonly programs: number; readonly maps: number })
  /** A struct_ops map was attached to the ring, or taken away. */
  | (TraceBase & { readonly ev: "attach" | "detach"; readonly ops: string })
  /** io_uring_enter(2) was entered, and left with `res`. */
  | (TraceBase & { readonly ev: "enter"; readonly submit: number; readonly min: number; readonly flags: number })
  | (TraceBase & { readonly ev: "leave"; readonly res: number })
  /** loop_step was called for the `n`th time of this enter, and returned. */
  | (TraceBase & StepFields & { readonly ev: "step" })
  /** The loop or a plain wait went to sleep for `nr` more completions, and woke. */
  | (TraceBase & { readonly ev: "wait"; readonly nr: number })
  | (TraceBase & { readonly ev: "wake"; readonly why: WakeReason })
  /** A request was taken from the SQ. `req` numbers the requests of a ring's machine. */
  | (TraceBase & SqeFields & { readonly ev: "submit"; readonly req: number })
  /** A CQE was posted, or, with `overflow`, put on the overflow list. `req` 0: not of a request, or not known. */
  | (TraceBase & {
      readonly ev: "complete";
      readonly req: number;
      readonly user_data: string;
      readonly res: number;
      readonly flags: number;
      readonly overflow?: true;
    })
  /** So many completions of this enter were consumed where they cannot be seen. */
  | (TraceBase & { readonly ev: "unseen"; readonly completed: number })
  /** The fault plan did something to request `req` (0: to the process). */
  | (TraceBase & {
      readonly ev: "fault";
      readonly rule: number;
      readonly kind: string;
      readonly req: number;
      readonly value: number;
      /** Number of the match of the rule, from 1 on: `nth` in a plan strikes there again. */
      readonly nth: number;
    })
  /** The program did what it must not and was stopped (VmFault). */
  | (TraceBase & VmFaultFields & { readonly ev: "vmfault" })
  /** A signal reached the process. */
  | (TraceBase & { readonly ev: "signal" })
  /** The loop was ejected from the ring. */
  | (TraceBase & { readonly ev: "eject" })
  /** A global, or an element or member of one, has another value than at the last event of it. */
  | (TraceBase & {
      readonly ev: "global";
      readonly name: string;
      readonly before: string;
      readonly after: string;
    });

/** An event whose time is yet to be added. */
export type UntimedEvent = TraceEvent extends infer Event
  ? Event extends TraceEvent
    ? Omit<Event, "t">
    : never
  : never;

/** Why a sleep ended. */
export type WakeReason = "work" | "signal" | "timeout" | "spurious";

/** A call of loop_step: what it found, and what it left. */
interface StepFields {
  /** Number of the call in this enter, from 1. */
  readonly n: number;
  readonly res: number;
  /** iou_loop_params.cq_wait_idx before the call and after it. */
  readonly wait_idx_before: number;
  readonly wait_idx: number;
  /** Indices of both queues as the call found them; those of the SQ mean nothing with SQ_REWIND, and are 0 then. */
  readonly cq_head: number;
  readonly cq_tail: number;
  readonly sq_head: number;
  readonly sq_tail: number;
  /** How long it took; not in virtual time. */
  readonly ns?: number;
}

interface VmFaultFields {
  readonly kind: string;
  /** Index of the instruction. */
  readonly insn: number;
  /** The access, for kind `memory`. */
  readonly address?: string;
  readonly size?: number;
  readonly write?: boolean;
  readonly detail?: string;
}

/** Takes each event as it happens. */
export type TraceSink = (event: TraceEvent) => void;

/** One line of JSON Lines, with its line feed. */
export function traceLine(event: TraceEvent): string {
  return `${JSON.stringify(event)}\n`;
}
