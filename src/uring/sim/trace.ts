// What happened, as plain data: one flat object an event, in the order of happening, each with the virtual time. The schema
// is docs/trace-format.md; the other engines write the same events. Conversions are pure: JSON Lines and the Chrome trace
// event format that Perfetto opens. 64-bit values are decimal strings.

/** Fields of every event: `t` is ns of the run's clock, `ring` the ring's number (its descriptor in the simulator). */
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
  /** io_uring_enter(2) was entered, and left with `res`. */
  | (TraceBase & { readonly ev: "enter"; readonly submit: number; readonly min: number; readonly flags: number })
  | (TraceBase & { readonly ev: "leave"; readonly res: number })
  /** loop_step was called for the `n`th time of this enter, and returned. */
  | (TraceBase & { readonly ev: "step"; readonly n: number; readonly res: number; readonly wait_idx: number })
  /** The loop or a plain wait went to sleep for `nr` more completions, and woke. */
  | (TraceBase & { readonly ev: "wait"; readonly nr: number })
  | (TraceBase & { readonly ev: "wake"; readonly why: "work" | "signal" | "timeout" | "spurious" })
  /** A request was taken from the SQ. `req` numbers the requests of a run; `op` is the opcode's name. */
  | (TraceBase & {
      readonly ev: "submit";
      readonly req: number;
      readonly op: string;
      readonly user_data: string;
      readonly flags: number;
      readonly fd: number;
    })
  /** A CQE was posted, or, with `overflow`, put on the overflow list. `req` 0: not of a request. */
  | (TraceBase & {
      readonly ev: "complete";
      readonly req: number;
      readonly user_data: string;
      readonly res: number;
      readonly flags: number;
      readonly overflow?: true;
    })
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
  /** A signal reached the process. */
  | (TraceBase & { readonly ev: "signal" })
  /** The loop was ejected from the ring. */
  | (TraceBase & { readonly ev: "eject" })
  /** A loop program's global was changed by a step; written by engines. */
  | (TraceBase & { readonly ev: "global"; readonly name: string; readonly value: string });

/** Takes each event as it happens. */
export type TraceSink = (event: TraceEvent) => void;

/** One line of JSON Lines, with its line feed. */
export function traceLine(event: TraceEvent): string {
  return `${JSON.stringify(event)}\n`;
}

/** Two 32-bit halves as the decimal string of an unsigned 64-bit number. */
export function decimal64(low: number, high: number): string {
  return high === 0 ? String(low) : String((BigInt(high) << 32n) | BigInt(low));
}

interface ChromeEvent {
  readonly name: string;
  readonly cat: string;
  readonly ph: "B" | "E" | "i" | "b" | "e";
  readonly ts: number;
  readonly pid: number;
  readonly tid: number;
  readonly id?: number;
  readonly s?: "t";
  readonly args?: Readonly<Record<string, unknown>>;
}

const INSTANT_NAME = {
  setup: "io_uring_setup",
  register: "io_uring_register",
  fault: "fault",
  signal: "signal",
  eject: "eject",
  global: "global",
} as const;

/**
 * A trace in the Chrome trace event format, as chrome://tracing and ui.perfetto.dev open it: enter, steps and waits as
 * nested slices, each request as an asynchronous slice from submission to its last completion.
 */
export function toChromeTrace(events: Iterable<TraceEvent>): string {
  const out: ChromeEvent[] = [];
  const names = new Map<number, string>();
  for (const event of events) {
    const at = { ts: event.t / 1000, pid: 1, tid: event.ring ?? 0 };
    const { t: _t, ring: _ring, ev, ...args } = event;
    switch (event.ev) {
      case "enter":
        out.push({ name: "io_uring_enter", cat: "call", ph: "B", ...at, args });
        break;
      case "leave":
        out.push({ name: "io_uring_enter", cat: "call", ph: "E", ...at, args });
        break;
      case "wait":
        out.push({ name: "wait", cat: "wait", ph: "B", ...at, args });
        break;
      case "wake":
        out.push({ name: "wait", cat: "wait", ph: "E", ...at, args });
        break;
      case "step":
        out.push({ name: `loop_step ${event.n}`, cat: "step", ph: "i", s: "t", ...at, args });
        break;
      case "submit":
        names.set(event.req, event.op);
        out.push({ name: event.op, cat: "request", ph: "b", id: event.req, ...at, args });
        break;
      case "complete": {
        const name = names.get(event.req) ?? "CQE";
        // bit 1 is IORING_CQE_F_MORE: a multishot request goes on
        const last = event.req !== 0 && (event.flags & 2) === 0;
        if (last) out.push({ name, cat: "request", ph: "e", id: event.req, ...at, args });
        else out.push({ name: `${name} (more)`, cat: "request", ph: "i", s: "t", ...at, args });
        if (last) names.delete(event.req);
        break;
      }
      default:
        out.push({ name: INSTANT_NAME[event.ev], cat: ev, ph: "i", s: "t", ...at, args });
    }
  }
  return JSON.stringify({ displayTimeUnit: "ns", traceEvents: out });
}
