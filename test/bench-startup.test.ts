// The benchmark of starting works: a tiny run of it gives every peer a time. How long they take is not asked here.

import path from "node:path";
import { expect, test } from "vitest";
import { render, TINY } from "../bench/harness.ts";
import { startupBench } from "../bench/startup.bench.ts";
import { missingRing } from "./command-line.ts";

const root = path.dirname(import.meta.dirname);
const missing = missingRing();
if (missing !== undefined) console.log(`skipped: the benchmark of starting needs io_uring: ${missing}`);

test.skipIf(missing !== undefined)("a tiny run measures commands and the parts of a warm run", async () => {
  const report = await startupBench(root, ["loopstep run nops"]).run(TINY, () => {});
  expect(Object.keys(report.answers[0].ns)).toEqual(["node -e 0", "loopstep"]);
  const figures = Object.keys(report.figures);
  expect(figures).toContain("warm process, open to end, ms");
  for (const time of [...Object.values(report.answers[0].ns), ...Object.values(report.figures)])
    expect(time).toBeGreaterThan(0);
  expect(render(report)).toContain("loopstep run nops");
});
