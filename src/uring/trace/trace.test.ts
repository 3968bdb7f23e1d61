import { describe, expect, it } from "vitest";
import { toChromeTrace, traceLine, type SqeFields, type TraceEvent } from "./index.ts";

const NOP: SqeFields = {
  op: "IORING_OP_NOP",
  user_data: "18446744073709551615",
  flags: 0,
  fd: 0,
  off: "0",
  addr: "0",
  len: 0,
};

describe("traces", () => {
  const events: TraceEvent[] = [
    { t: 1000, ring: 3, ev: "enter", submit: 1, min: 0, flags: 1 },
    { t: 1200, ring: 3, ev: "submit", req: 1, ...NOP },
    { t: 1300, ring: 3, ev: "wait", nr: 1 },
    { t: 1400, ring: 3, ev: "wake", why: "work" },
    { t: 1500, ring: 3, ev: "complete", req: 1, user_data: "18446744073709551615", res: 0, flags: 0 },
    { t: 1600, ring: 3, ev: "leave", res: 1 },
  ];

  it("are one JSON object a line", () => {
    expect(
      events
        .map(traceLine)
        .join("")
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line) as TraceEvent),
    ).toEqual(events);
  });

  it("turn into slices that open and close", () => {
    const { traceEvents } = JSON.parse(toChromeTrace(events)) as {
      traceEvents: { ph: string; ts: number; name: string }[];
    };
    expect(traceEvents.map(({ ph, ts, name }) => `${ph} ${ts} ${name}`)).toEqual([
      "M 0 thread_name",
      "B 1 io_uring_enter",
      "b 1.2 IORING_OP_NOP",
      "B 1.3 wait",
      "E 1.4 wait",
      "e 1.5 IORING_OP_NOP",
      "E 1.6 io_uring_enter",
    ]);
  });
});
