// The benchmark of the verifier cannot rot: a tiny run over all its shapes.

import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { render, TINY } from "../bench/harness.ts";
import { verifierBench } from "../bench/verifier.bench.ts";
import { ENDLESS, programOf, SHAPES } from "../bench/verifier/shapes.ts";
import { verify } from "../src/bpf/verifier/index.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

describe("the benchmark of the verifier", () => {
  it("times the verdicts and every shape", async () => {
    const report = await verifierBench(ROOT).run(TINY, () => undefined);
    expect(report.answers.map(({ name }) => name)).toEqual([
      "verdict on nops",
      "verdict on cp",
      ...SHAPES.map(({ name }) => `an instruction, ${name}`),
    ]);
    for (const { ns } of report.answers) expect(ns[report.baseline]).toBeGreaterThan(0);
    for (const name of ["nops", "cp"]) {
      const { [`first verdict of a process, ${name}, ms`]: alone, ...others } = report.figures;
      expect(others[`the same with loading and resolving, ${name}, ms`]).toBeGreaterThan(alone);
    }
    expect(render(report)).toContain("instructions a second, branches");
  });

  it("has a loop that is refused for its length alone", () => {
    const { errno, processed } = verify(programOf(ENDLESS, 0), { limits: { insns: 5_000 } });
    expect({ errno, processed }).toEqual({ errno: 7, processed: 5_001 });
  });
});
