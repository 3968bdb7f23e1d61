// A trace in the Trace Event Format, the JSON that chrome://tracing and ui.perfetto.dev open. Each ring is a thread there:
// calls, steps and waits are nested slices, each request an asynchronous slice from submission to its last completion.

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

/** The trace as one JSON text. Slices that nothing ended, because the run was cut off, end with the last event. */
export function toChromeTrace(events: Iterable<TraceEvent>): string {
  const out: ChromeEvent[] = [];
  const requests = new Map<string, string>();
  /** Slices that are open, innermost last, by ring. */
  const open = new Map<number, { readonly name: string; readonly cat: string }[]>();
  let last = 0;
  const stackOf = (tid: number): { readonly name: string; readonly cat: string }[] => {
    const known = open.get(tid);
    if (known !== undefined) return known;
    const stack: { readonly name: string; readonly cat: string }[] = [];
    open.set(tid, stack);
    const name = tid === 0 ? "process" : `ring ${tid}`;
    out.push({ name: "thread_name", cat: "__metadata", ph: "M", ts: 0, pid: PID, tid, args: { name } });
    return stack;
  };
  for (const event of events) {
    const { t, ring: tid = 0, ev, ...args } = event;
    const at = { ts: t / NS_PER_US, pid: PID, tid };
    last = Math.max(last, at.ts);
    const stack = stackOf(tid);
    const begin = (name: string, cat: string): void => {
      stack.push({ name, cat });
      out.push({ name, cat, ph: "B", ...at, args });
    };
    const end = (): void => {
      const slice = stack.pop();
      if (slice !== undefined) out.push({ ...slice, ph: "E", ...at, args });
    };
    switch (event.ev) {
      case "enter":
        begin("io_uring_enter", "call");
        break;
      case "wait":
        begin("wait", "wait");
        break;
      case "wake":
        end();
        break;
      case "leave":
        // a wait that nothing ended ends here
        while (stack.length > 0) end();
        break;
      case "step": {
        const step = { name: `loop_step ${event.n}`, cat: "step", pid: PID, tid, args };
        if (event.ns === undefined) out.push({ ...step, ph: "i", s: "t", ts: at.ts });
        else out.push({ ...step, ph: "X", ts: (t - event.ns) / NS_PER_US, dur: event.ns / NS_PER_US });
        break;
      }
      case "submit": {
        const id = `${tid}.${event.req}`;
        requests.set(id, event.op);
        out.push({ name: event.op, cat: "request", ph: "b", id, ...at, args });
        break;
      }
      case "complete": {
        const id = `${tid}.${event.req}`;
        const name = requests.get(id);
        if (name !== undefined && (event.flags & CQE_F_MORE) === 0) {
          out.push({ name, cat: "request", ph: "e", id, ...at, args });
          requests.delete(id);
        } else {
          const what = name === undefined ? "CQE" : `${name} (more)`;
          out.push({ name: what, cat: "request", ph: "i", s: "t", ...at, args });
        }
        break;
      }
      default:
        out.push({ name: INSTANT_NAME[event.ev], cat: ev, ph: "i", s: "t", ...at, args });
    }
  }
  for (const [tid, stack] of open) {
    for (const slice of stack.toReversed()) out.push({ ...slice, ph: "E", ts: last, pid: PID, tid });
  }
  return JSON.stringify({ displayTimeUnit: "ns", traceEvents: out });
}
