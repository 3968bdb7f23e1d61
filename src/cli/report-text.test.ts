// Tests of report-text.ts.

import { describe, expect, it } from "vitest";
import { duration, formatReport, formatValue, grouped } from "./report-text.ts";
import type { RunReport } from "./session.ts";

it.each([
  [0, "0 ns"],
  [515.94, "516 ns"],
  [999, "999 ns"],
  [1000, "1.0 us"],
  [123_456, "123.5 us"],
  [1_000_000, "1.0 ms"],
  [2_500_000_000, "2.50 s"],
])("%d ns are %s", (ns, text) => {
  expect(duration(ns)).toBe(text);
});

it("groups digits", () => {
  expect([0, 999, 1_234_567].map(grouped)).toEqual(["0", "999", "1,234,567"]);
});

it.each([
  [1n, "1"],
  [[1, 2n], "[1, 2]"],
  [new Uint8Array([7]), "[7]"],
  [{ a: 1, b: { c: [2] } }, "{a: 1, b: {c: [2]}}"],
  [Array.from({ length: 20 }, (_, i) => i), `[${[...Array(16).keys()].join(", ")}, ... 20 in all]`],
])("shows %o", (value, text) => {
  expect(formatValue(value)).toBe(text);
});

describe("a report", () => {
  const report: RunReport = {
    schemaVersion: 1,
    engine: "user",
    why: "it works",
    result: 0,
    errno: null,
    steps: 1234,
    submitted: 10,
    completed: 8,
    enters: 3,
    wallNs: 8000,
    globals: { done: 8n },
    maps: { counts: { entries: Array.from({ length: 17 }, (_, i) => [i, 0n] as const) } },
  };

  it("has a line for each thing", () => {
    expect(formatReport(report).split("\n").slice(0, 9)).toEqual([
      "engine    user: it works",
      "result    0",
      "steps     1,234",
      "requests  10 submitted, 8 completed",
      "enters    3",
      "time      8.0 us, 1.0 us a request",
      "globals",
      "  done = 8",
      "map counts",
    ]);
    expect(formatReport(report)).toContain("  ... 17 in all\n");
  });

  it("says why a map cannot be read", () => {
    const maps = { counts: { entries: [], error: { message: "per-CPU map counts: several CPUs have values" } } };
    expect(formatReport({ ...report, maps })).toContain(
      "map counts\n  cannot be read: per-CPU map counts: several CPUs have values\n",
    );
  });

  it("names the errno, and says what cannot be seen", () => {
    const text = formatReport({ ...report, result: -4, errno: "EINTR", steps: null, submitted: null, completed: 0 });
    expect(text).toContain("result    -4 (EINTR)\n");
    expect(text).toContain("steps     not visible\nrequests  0 completed\n");
    expect(text).toContain("time      8.0 us\n");
  });
});
