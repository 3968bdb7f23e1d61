// The NOP benchmark works: a tiny run of it gives every peer a time. How fast they are is not asked here.

import path from "node:path";
import { expect, test } from "vitest";
import { render, TINY } from "../bench/harness.ts";
import { nopBench } from "../bench/nop.bench.ts";
import { probeIoUring } from "../src/sys/index.ts";

const root = path.dirname(import.meta.dirname);
const probe = probeIoUring();
if (!probe.available) console.log(`skipped: the NOP benchmark needs io_uring: ${probe.why}. ${probe.remedy}`);

test.skipIf(!probe.available)("a tiny run measures every peer and says who is missing", async () => {
  const report = await nopBench(root, ["8"]).run(TINY, () => {});
  const { ns } = report.answers[0];
  const expected = ["loopstep", "loopstep, unverified", "JavaScript by hand", "C"];
  expect([...Object.keys(ns), ...report.skipped.map(({ name }) => name)].sort()).toEqual(expected.sort());
  for (const time of [...Object.values(ns), ...Object.values(report.figures)]) expect(time).toBeGreaterThan(0);
  expect(render(report)).toContain("depth 8");
});
