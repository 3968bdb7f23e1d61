// loopstep explore: what it finds in programs with mistakes, that it finds nothing in careful ones, and what it tells.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { traceText, type TraceEvent } from "../src/uring/trace/index.ts";
import { jsonOf, loopPath, loopstep, type Ended } from "./command-line.ts";

const dir = mkdtempSync(path.join(tmpdir(), "loopstep-explore-"));
afterAll(() => rmSync(dir, { recursive: true }));
const fileOf = (name: string, content: string | Uint8Array): string => {
  const file = path.join(dir, name);
  writeFileSync(file, content);
  return file;
};
const plan = (name: string, rules: readonly object[]): string => fileOf(name, JSON.stringify({ rules }));

const NOPS = ["explore", "nops", "--set", "reqs_to_run=50"];
interface Found {
  readonly seed: number;
  readonly problem: { readonly kind: string };
  readonly plan: { readonly rules: readonly object[] };
  readonly trace: readonly { readonly ev: string }[];
}

describe("loopstep explore", () => {
  it.each([
    ["a hang", ["explore", loopPath("sleep")], "hang"],
    ["a loop that never stops", ["explore", loopPath("returns"), "--set", "at=1000", "--steps", "50"], "steps"],
    ["a return value that is none", ["explore", loopPath("returns"), "--set", "value=7"], "result"],
    ["a check that does not hold", [...NOPS, "--check", "reqs_done == 51"], "check"],
  ])("finds %s in any run, without faults", async (_name, words, kind) => {
    const ended = await loopstep([...words, "--seeds", "1..20", "--json"]);
    expect([ended.status, ended.stderr]).toEqual([1, ""]);
    const report = jsonOf(ended);
    const findings = report["findings"] as Found[];
    expect(findings).toHaveLength(1);
    expect(findings[0]).toMatchObject({ seed: 1, problem: { kind }, plan: { rules: [] } });
    expect(findings[0].trace.length).toBeGreaterThan(2);
    expect(report).toMatchObject({ schemaVersion: 1, seeds: [1, 20] });
  });

  it("finds nothing in a careful loop, whatever the schedule", async () => {
    const ended = await loopstep([...NOPS, "--seeds", "1..100", "--check", "reqs_done == 50 && result == 0"]);
    expect([ended.status, ended.stderr]).toEqual([0, ""]);
    expect(ended.stdout).toMatch(/^100 seeds of 1\.\.100, 100 runs, .*: nothing found\n$/);
  });

  it("copies files in memory, and leaves those of the disk alone", async () => {
    const from = fileOf(
      "from",
      Uint8Array.from({ length: 9999 }, (_, i) => i & 0xff),
    );
    const to = fileOf("to", "kept");
    const settings = [`in_fd=@open:${from}`, `out_fd=@create:${to}`, "buffers=@buffer:32k", "buffer_size=4096"];
    const rules = [
      { kind: "short", op: ["READ", "WRITE"], bytes: [1, 4096], chance: 0.2 },
      { kind: "latency", ns: [0, 90_000] },
    ];
    const check = `file("${to}") == file("${from}") && size("${to}") == 9999`;
    const words = ["explore", "cp", ...settings.flatMap((setting) => ["--set", setting])];
    const ended = await loopstep([...words, "--seeds", "1..50", "--faults", plan("short", rules), "--check", check]);
    expect([ended.status, ended.stderr]).toEqual([0, ""]);
    expect(readFileSync(to, "utf8")).toBe("kept");
  });

  it("shows the lowest seed and the one fault it takes, the same with any number of threads", async () => {
    const faults = plan("rare", [
      { kind: "latency", ns: [5000, 9000] },
      { kind: "signal", chance: 0.01 },
    ]);
    const words = [...NOPS, "--faults", faults, "--seeds", "1..300", "--json"];
    const [one, three] = [await loopstep([...words, "--jobs", "1"]), await loopstep([...words, "--jobs", "3"])];
    expect([one.status, one.stderr]).toEqual([1, ""]);
    const [finding] = jsonOf(one)["findings"] as Found[];
    expect(finding.problem.kind).toBe("result");
    expect(finding.plan.rules.filter((rule) => (rule as { kind: string }).kind === "signal")).toHaveLength(1);
    expect(finding.trace.map(({ ev }) => ev)).toContain("signal");
    expect(jsonOf(three)["findings"]).toEqual(jsonOf(one)["findings"]);
    expect((await loopstep([...words, "--may-fail", "--may-leak"])).status).toBe(0);
  });

  describe("mistakes that only some schedules show", () => {
    const SIZE = 10_000;
    const from = fileOf(
      "source",
      Uint8Array.from({ length: SIZE }, (_, i) => (i * 11) & 0xff),
    );
    const late = { kind: "latency", ns: [0, 50_000], chance: 0.5 };
    const short = plan("short.json", [{ kind: "short", op: "WRITE", bytes: [1, 4096], chance: 0.05 }, late]);
    const interrupted = plan("eintr.json", [{ kind: "error", op: ["READ", "WRITE"], errno: 4, chance: 0.05 }, late]);
    const nothing = plan("none.json", []);
    const copy = 'file("/to") == file("FROM")'.replace("FROM", from);

    const exploreMistake = (
      kind: number,
      careful: number,
      faults: string,
      check: string,
      seeds: string,
    ): Promise<Ended> => {
      const values = [`kind=${kind}`, `careful=${careful}`, `in_fd=@open:${from}`, "out_fd=@create:/to"];
      const settings = [...values, "buffer=@buffer:4096", `size=${SIZE}`].flatMap((value) => ["--set", value]);
      const words = ["explore", loopPath("mistakes"), ...settings, "--faults", faults, "--check", check];
      return loopstep([...words, "--seeds", seeds, "--json"]);
    };

    it.each([
      ["a cp that ignores short writes", 0, short, copy, "check", 1],
      ["one that waits for more completions than are in flight", 1, interrupted, copy, "hang", 1],
      ["one that forgets that a linked request is cancelled", 2, interrupted, copy, "check", 1],
      ["one that overruns the CQ", 3, nothing, "seen == 64", "check", 0],
    ] as const)("finds %s, and nothing in its careful form", async (_name, kind, faults, check, problem, needed) => {
      const careless = await exploreMistake(kind, 0, faults, check, "1..1000");
      expect([careless.status, careless.stderr]).toEqual([1, ""]);
      const [finding] = jsonOf(careless)["findings"] as Found[];
      expect(finding.problem.kind).toBe(problem);
      expect(finding.plan.rules).toHaveLength(needed);
      expect(finding.trace.length).toBeLessThan(400);
      // what is printed fits a screen
      expect(traceText(finding.trace as readonly TraceEvent[]).length).toBeLessThan(60);
      const careful = await exploreMistake(kind, 1, faults, check, "1..100");
      expect([careful.status, careful.stderr, jsonOf(careful)["findings"]]).toEqual([0, "", []]);
    });
  });

  it("prints seed, plan and trace, and writes the trace", async () => {
    const trace = path.join(dir, "trace");
    const ended = await loopstep(["explore", loopPath("sleep"), "--seeds", "7", "--trace", trace]);
    expect(ended.status).toBe(1);
    expect(ended.stdout).toMatch(
      /^seed 7: hang: .*\nfaults needed: 0\n {2}\{"rules":\[\]\}\ntrace: \d+ events, in us\n +0\.0 {2}setup /,
    );
    const written = readFileSync(trace, "utf8").trimEnd().split("\n");
    expect(ended.stdout).toContain(`trace: ${written.length} events`);
    expect(ended.stdout).toMatch(/ sleep +for \d+ more\n/);
    expect((JSON.parse(written[0]) as { ev: string }).ev).toBe("setup");
  });

  it.each([
    ["seeds that are none", ["--seeds", "9..1"], 2, /not a range of seeds/],
    ["a check that cannot be read", ["--check", "a ="], 2, /check "a ="/],
    ["a check without an end", ["--check", "(".repeat(20_000)], 2, /check "\(+\.\.\.": the expression is too long/],
    ["a check of a file without a name", ["--check", "exists(1)"], 2, /in quotes .*exists\("PATH"\)/],
    ["a trace into no folder", ["--trace", path.join(dir, "none/x")], 2, /none\/x: the file cannot be written/],
    ["a file without an end", ["--set", "reqs_to_run=@open:/dev/zero"], 2, /\/dev\/zero: the file does not end/],
    ["a check over a global that is not there", ["--check", "reqs_dnoe == 1"], 2, /reqs_dnoe/],
    ["a setting that is none", ["--set", "depth"], 2, /not a setting/],
    ["flags no kernel takes", ["--setup", "DEFER_TASKRUN"], 4, /cannot be made: errno 22, DEFER_TASKRUN needs/],
  ])("tells %s", async (_name, words, status, says) => {
    const ended = await loopstep([...NOPS, ...words]);
    expect([ended.status, ended.stdout]).toEqual([status, ""]);
    expect(ended.stderr).toMatch(/^loopstep: /);
    expect(ended.stderr).toMatch(says);
  });
});
