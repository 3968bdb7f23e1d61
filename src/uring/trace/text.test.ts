import { expect, it } from "vitest";
import { traceText, type SqeFields, type TraceEvent } from "./index.ts";

const ring = 3;
const sqe = (op: string, more: Partial<SqeFields> = {}): SqeFields => ({
  op: `IORING_OP_${op}`,
  user_data: "0",
  flags: 0,
  fd: 0,
  off: "0",
  addr: "0",
  len: 0,
  ...more,
});
const cqe = (req: number, res: number, flags = 0): TraceEvent => ({
  t: 1000,
  ring,
  ev: "complete",
  req,
  user_data: "0",
  res,
  flags,
});
const step = { ring, ev: "step", wait_idx_before: 0, cq_head: 0, cq_tail: 2, sq_head: 0, sq_tail: 0 } as const;

const LINES: readonly (readonly [what: string, events: readonly TraceEvent[], lines: readonly string[]])[] = [
  [
    "requests that differ in nothing as one",
    [1, 2, 3].map((req) => ({ t: 1000, ring, ev: "submit", req, ...sqe("NOP") })),
    ["0.0  submit    #1..#3 NOP"],
  ],
  [
    "what a request is about",
    [
      {
        t: 0,
        ring,
        ev: "submit",
        req: 4,
        ...sqe("READ", { fd: 5, off: "4096", len: 10, flags: 0x14, user_data: "9", buf_index: 2 }),
      },
    ],
    ["0.0  submit    #4 READ, fd 5, off 4096, len 10, buf_index 2, IO_LINK|ASYNC, user_data 9"],
  ],
  [
    "results by name",
    [cqe(1, -125), cqe(2, 7, 2)],
    ["0.0  complete  #1 res -125 ECANCELED", "0.0  complete  #2 res 7, flags 0x2 MORE"],
  ],
  [
    "what a step does",
    [
      { ...step, t: 0, n: 1, res: 0, wait_idx: 4 },
      { ...step, t: 1500, n: 2, res: 0, wait_idx: 2 },
      { ...step, t: 2000, n: 3, res: 1, wait_idx: 2 },
      { ...step, t: 2000, n: 4, res: 7, wait_idx: 2 },
      { t: 2000, ring, ev: "global", name: "done", before: "1", after: "2" },
    ],
    [
      "0.0  step      1: found CQ head 0, tail 2; waits for tail 4",
      "1.5  step      2: found CQ head 0, tail 2; goes on",
      "2.0  step      3: found CQ head 0, tail 2; stops",
      "2.0  step      4: found CQ head 0, tail 2; returns 7",
      "2.0            done: 1 -> 2",
    ],
  ],
  [
    "what struck",
    (["error", "short", "latency", "signal"] as const).map((kind) => ({
      t: 0,
      ev: "fault",
      rule: 0,
      kind,
      req: kind === "signal" ? 0 : 6,
      value: 4,
      nth: 1,
    })),
    [
      "0.0  FAULT     #6 fails with EINTR",
      "0.0  FAULT     #6 moves at most 4 bytes",
      "0.0  FAULT     #6 is 0.004 us late",
      "0.0  FAULT     signal, for the process",
    ],
  ],
  [
    "the rest by its fields",
    [
      { t: 0, ring, ev: "wait", nr: 2 },
      { t: 0, ring, ev: "wake", why: "work" },
      { t: 0, ring, ev: "leave", res: -4 },
      { t: 0, ring, ev: "eject" },
      { t: 0, ring, ev: "attach", ops: "my_ops" },
    ],
    [
      "0.0  sleep     for 2 more",
      "0.0  wake      work",
      "0.0  leave     -4 EINTR",
      "0.0  eject",
      "0.0  attach    ops my_ops",
    ],
  ],
];

it.each(LINES)("a trace for people tells %s", (_, events, lines) => {
  expect(traceText(events).map((line) => line.trimStart())).toEqual(lines);
});
