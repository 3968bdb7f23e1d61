// The benchmark of the simulator works: a tiny run of it gives every question a time, and requests in flight their memory. How
// much it is is not asked here.

import path from "node:path";
import { expect, test } from "vitest";
import { render, TINY } from "../bench/harness.ts";
import { simBench } from "../bench/sim.bench.ts";

const root = path.dirname(import.meta.dirname);

test("a tiny run times NOPs and reads, and asks for the memory of what is in flight", async () => {
  const report = await simBench(root).run(TINY, () => {});
  expect(report.answers.map(({ name }) => name)).toContain("READ of 4096 bytes, depth 8");
  for (const { ns } of report.answers) expect(ns["sim"]).toBeGreaterThan(0);
  expect(report.figures["requests in flight"]).toBe(10_000);
  expect(report.figures["NOPs a second, median of the depths"]).toBeGreaterThan(0);
  expect(render(report)).toContain("NOP, depth 8");
});
