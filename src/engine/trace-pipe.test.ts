import { expect, it } from "vitest";
import type { TraceEvent } from "../uring/trace/index.ts";
import { TracePipe, TraceWriter } from "./trace-pipe.ts";

const event = (n: number, text: string): TraceEvent => ({ t: n, ev: "load", object: text, programs: n, maps: 0 });

it("hands on every event in order, around the end of the buffer and with letters of several bytes", () => {
  const got: TraceEvent[] = [];
  let told = 0;
  const pipe = new TracePipe(0n, (one) => got.push(one));
  // in one thread nobody can wait: the reader reads when it is told
  const writer = new TraceWriter(pipe.wire, () => {
    told++;
    pipe.drain();
  });
  const sent = Array.from({ length: 5000 }, (_, n) => event(n, "naïve ✓ ".repeat(n % 60)));
  for (const one of sent) writer.write(one);
  pipe.drain();
  expect(got).toEqual(sent);
  expect(told).toBeGreaterThan(3);
});

it("takes an event larger than the buffer", () => {
  const got: TraceEvent[] = [];
  const pipe = new TracePipe(0n, (one) => got.push(one));
  const writer = new TraceWriter(pipe.wire, () => pipe.drain());
  const large = event(1, "x".repeat(3 << 20));
  writer.write(large);
  pipe.drain();
  expect(got).toEqual([large]);
});

it("keeps the first failure of whoever takes the events, tells of it, and goes on", () => {
  const seen: number[] = [];
  const failures: string[] = [];
  const pipe = new TracePipe(0n, ({ t }) => {
    seen.push(t);
    if (t > 1) throw new RangeError(`event ${t}`);
  });
  pipe.onFailure = () => failures.push("told");
  const writer = new TraceWriter(pipe.wire, () => {});
  for (const n of [1, 2, 3]) writer.write(event(n, ""));
  pipe.drain();
  expect([seen, failures]).toEqual([[1, 2, 3], ["told"]]);
  expect(() => pipe.raise()).toThrow("event 2");
  pipe.raise();
});
