// A trace in the Trace Event Format, the JSON that chrome://tracing and ui.perfetto.dev open. Each ring is a thread there:
// calls, steps and waits are nested slices, each request an asynchronous slice from submission to its last completion. Written
// piece by piece, so that no more is kept than what is open.

import type { TraceEvent } from "./events.ts";

interface ChromeEvent {
  readonly name: string;
  readonly cat: string;
  /** B and E begin and end a slice, X is a whole one; b and e the same for requests, which overlap; i is a moment, M a name. */
  readonly ph: "B" | "E" | "X" | "i" | "b" | "e" | "M";
  /** Microseconds, as is `dur`. */
  readonly ts: number;
  readonly dur?: number;
  readonly pid: number;
  readonly tid: number;
  readonly id?: string;
  readonly s?: "t";
  readonly args?: Readonly<Record<string, unknown>>;
}

/** When and where. */
type Place = Pick<ChromeEvent, "ts" | "pid" | "tid">;

/** A slice that is open. */
type Slice = Pick<ChromeEvent, "name" | "cat">;

type Of<Name extends TraceEvent["ev"]> = Extract<TraceEvent, { readonly ev: Name }>;

const INSTANT_NAME = {
  setup: "io_uring_setup",
  register: "io_uring_register",
  load: "load",
  attach: "attach",
  detach: "detach",
  unseen: "unseen",
  fault: "fault",
  vmfault: "VmFault",
  signal: "signal",
  eject: "eject",
  global: "global",
} as const;

/** Bit 1 is IORING_CQE_F_MORE: a multishot request goes on. */
const CQE_F_MORE = 2;
const NS_PER_US = 1000;
const PID = 1;

/** Turns events, one after the other, into pieces of one JSON text: `add(event)` for each, then `end()`. */
export class ChromeTrace {
  /** Opcodes of the requests in flight. */
  readonly #requests = new Map<string, string>();
  /** Open slices, innermost last, by ring. */
  readonly #open = new Map<number, Slice[]>();
  #last = 0;
  #empty = true;

  add(event: TraceEvent): string {
    const { t, ring: tid = 0, ev: _ev, ...args } = event;
    const at: Place = { ts: t / NS_PER_US, pid: PID, tid };
    this.#last = Math.max(this.#last, at.ts);
    const named = this.#open.has(tid) ? "" : this.#nameThread(tid);
    return named + this.#convert(event, at, args);
  }

  /** The end of the text. Slices that nothing ended, because the run was cut off, end with the last event. */
  end(): string {
    const ends = [...this.#open].map(([tid, stack]) =>
      this.#endAll(stack, { ts: this.#last, pid: PID, tid }, undefined),
    );
    return `${this.#empty ? HEAD : ""}${ends.join("")}\n]}\n`;
  }

  #convert(event: TraceEvent, at: Place, args: Readonly<Record<string, unknown>>): string {
    const stack = this.#open.get(at.tid)!;
    switch (event.ev) {
      case "enter":
        return this.#begin(stack, { name: "io_uring_enter", cat: "call" }, at, args);
      case "wait":
        return this.#begin(stack, { name: "wait", cat: "wait" }, at, args);
      case "wake":
        return this.#end(stack, at, args);
      case "leave":
        // a wait that nothing ended ends here
        return this.#endAll(stack, at, args);
      case "step":
        return this.#step(event, at, args);
      case "submit":
        this.#requests.set(`${at.tid}.${event.req}`, event.op);
        return this.#put({ name: event.op, cat: "request", ph: "b", id: `${at.tid}.${event.req}`, ...at, args });
      case "complete":
        return this.#complete(event, at, args);
      default:
        return this.#put({ name: INSTANT_NAME[event.ev], cat: event.ev, ph: "i", s: "t", ...at, args });
    }
  }

  #step({ n, ns, t }: Of<"step">, at: Place, args: Readonly<Record<string, unknown>>): string {
    const step = { name: `loop_step ${n}`, cat: "step", ...at, args };
    if (ns === undefined) return this.#put({ ...step, ph: "i", s: "t" });
    return this.#put({ ...step, ph: "X", ts: (t - ns) / NS_PER_US, dur: ns / NS_PER_US });
  }

  #complete({ req, flags }: Of<"complete">, at: Place, args: Readonly<Record<string, unknown>>): string {
    const id = `${at.tid}.${req}`;
    const name = this.#requests.get(id);
    if (name === undefined || (flags & CQE_F_MORE) !== 0) {
      const what = name === undefined ? "CQE" : `${name} (more)`;
      return this.#put({ name: what, cat: "request", ph: "i", s: "t", ...at, args });
    }
    this.#requests.delete(id);
    return this.#put({ name, cat: "request", ph: "e", id, ...at, args });
  }

  #nameThread(tid: number): string {
    this.#open.set(tid, []);
    const name = tid === 0 ? "process" : `ring ${tid}`;
    return this.#put({ name: "thread_name", cat: "__metadata", ph: "M", ts: 0, pid: PID, tid, args: { name } });
  }

  #begin(stack: Slice[], slice: Slice, at: Place, args: Readonly<Record<string, unknown>>): string {
    stack.push(slice);
    return this.#put({ ...slice, ph: "B", ...at, args });
  }

  #end(stack: Slice[], at: Place, args: Readonly<Record<string, unknown>> | undefined): string {
    const slice = stack.pop();
    return slice === undefined ? "" : this.#put({ ...slice, ph: "E", ...at, ...(args && { args }) });
  }

  #endAll(stack: Slice[], at: Place, args: Readonly<Record<string, unknown>> | undefined): string {
    let text = "";
    while (stack.length > 0) text += this.#end(stack, at, args);
    return text;
  }

  #put(event: ChromeEvent): string {
    const before = this.#empty ? HEAD : ",\n";
    this.#empty = false;
    return before + JSON.stringify(event);
  }
}

const HEAD = '{"displayTimeUnit":"ns","traceEvents":[\n';

/** A whole trace as one JSON text. */
export function toChromeTrace(events: Iterable<TraceEvent>): string {
  const trace = new ChromeTrace();
  let text = "";
  for (const event of events) text += trace.add(event);
  return text + trace.end();
}
