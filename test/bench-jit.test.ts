// The benchmarks cannot rot: tiny runs of the JIT's, one over two of its programs, with whatever peers this machine has.

import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { compileBench } from "../bench/compile.bench.ts";
import { geometricMean, interleave, median, ratiosTo, render, TINY, warmUp } from "../bench/harness.ts";
import { jitBench } from "../bench/jit.bench.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

describe("the benchmark of the JIT", () => {
  it("runs its peers on the same work, and says who is missing", async () => {
    const lines: string[] = [];
    const report = await jitBench(ROOT, ["byte-hash", "heap-sort"]).run(TINY, (line) => lines.push(line));
    expect(report.answers.map(({ name }) => name)).toEqual(["byte-hash", "heap-sort"]);
    for (const { ns } of report.answers) {
      for (const peer of ["loopstep", "loopstep, checked", "interpreter"]) expect(ns[peer]).toBeGreaterThan(0);
    }
    expect(report.ratios[report.baseline]).toBe(1);
    for (const { name, reason } of report.skipped) console.warn(`skipped ${name}: ${reason}`);
    const named = new Set([...Object.keys(report.ratios), ...report.skipped.map(({ name }) => name)]);
    for (const peer of ["native", "clang's wasm", "ubpf's JIT"]) expect(named).toContain(peer);
    expect(lines).toHaveLength(2);
    expect(render(report)).toContain("geometric mean");
  });
});

describe("the harness", () => {
  it("takes middles and means", () => {
    expect(median([5, 1, 9])).toBe(5);
    expect(median([4, 1, 2, 9])).toBe(3);
    expect(geometricMean([2, 8])).toBeCloseTo(4);
  });

  it("lets peers take turns, each first as often as the others", () => {
    const order: string[] = [];
    const peer = (name: string, ns: number) => ({ name, measure: () => (order.push(name), ns + order.length) });
    const answer = interleave({ name: "q", peers: [peer("a", 10), peer("b", 20)] }, { rounds: 2, forNs: 1 });
    expect(order).toEqual(["a", "b", "b", "a"]);
    expect(answer.ns).toEqual({ a: 12.5, b: 22.5 });
    expect(answer.best).toEqual({ a: 11, b: 22 });
    expect(ratiosTo("a", [answer])).toEqual({ a: 1, b: 1.8 });
    expect(ratiosTo("a", [answer], "best")).toEqual({ a: 1, b: 2 });
  });

  it("warms a peer up until it gets no faster", () => {
    let calls = 0;
    warmUp({ name: "a", measure: () => 1000 / Math.min(++calls, 50) }, { rounds: 2, forNs: 1 });
    expect(calls).toBeGreaterThan(50);
    expect(calls).toBeLessThan(200);
  });
});

describe("the benchmark of compiling", () => {
  it("times every shape at two sizes", async () => {
    const { answers, figures } = await compileBench(ROOT).run(TINY, () => {});
    expect(answers.length).toBeGreaterThan(5);
    for (const { name, ns } of answers) {
      expect([name, Object.keys(ns)]).toEqual([name, ["a quarter", "whole", "whole, checked"]]);
      for (const time of Object.values(ns)) expect(time).toBeGreaterThanOrEqual(0);
    }
    expect(Object.keys(figures)).toHaveLength(2 * answers.length);
  });
});
