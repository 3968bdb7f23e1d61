// loopstep run --trace and --faults: what the simulator writes down, that it is the same each time, and who refuses.

import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { openEngine } from "../src/engine/index.ts";
import { jsonOf, loopstep } from "./command-line.ts";

const dir = mkdtempSync(path.join(tmpdir(), "loopstep-trace-"));
afterAll(() => rmSync(dir, { recursive: true }));
const fileOf = (name: string, text: string): string => {
  const file = path.join(dir, name);
  writeFileSync(file, text);
  return file;
};
const NOPS = ["run", "nops", "--set", "reqs_to_run=100", "--json"];

interface Event {
  readonly ev: string;
  readonly res?: number;
  readonly req?: number;
}
const eventsOf = (file: string): Event[] =>
  readFileSync(file, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Event);

describe("loopstep run --trace", () => {
  it("writes every request, completion and step, and the same again for the same seed", async () => {
    const plan = fileOf("late.json", '{"rules": [{"kind": "latency", "ns": [0, 50000]}]}');
    const texts: string[] = [];
    for (const name of ["one", "two"]) {
      const trace = path.join(dir, name);
      const words = [...NOPS, "--engine", "sim", "--seed", "7", "--faults", plan, "--trace", trace];
      const ended = await loopstep(words);
      expect([ended.status, ended.stderr]).toEqual([0, ""]);
      const events = eventsOf(trace);
      const count = (ev: string): number => events.filter((event) => event.ev === ev).length;
      expect([count("submit"), count("complete"), count("fault")]).toEqual([100, 100, 100]);
      expect(count("step")).toBe(jsonOf(ended)["steps"]);
      expect([events[0]?.ev, count("enter"), count("leave")]).toEqual(["setup", 1, 1]);
      texts.push(readFileSync(trace, "utf8"));
    }
    expect(texts[0]).toBe(texts[1]);
  });

  it("writes what Perfetto opens", async () => {
    const trace = path.join(dir, "perfetto.json");
    const ended = await loopstep([...NOPS, "--engine", "sim", "--trace", trace, "--trace-format", "perfetto"]);
    expect([ended.status, ended.stderr]).toEqual([0, ""]);
    const { traceEvents } = JSON.parse(readFileSync(trace, "utf8")) as { traceEvents: { ph: string; name: string }[] };
    const phases = (ph: string): number => traceEvents.filter((event) => event.ph === ph).length;
    expect([phases("b"), phases("e")]).toEqual([100, 100]);
    expect(phases("B")).toBe(phases("E"));
  });

  it("is complete when the loop failed", async () => {
    const trace = path.join(dir, "failed");
    const plan = fileOf("signal.json", '{"rules": [{"kind": "latency", "ns": [9000, 9000]}, {"kind": "signal"}]}');
    const ended = await loopstep([...NOPS, "--engine", "sim", "--trace", trace, "--faults", plan]);
    expect([ended.status, jsonOf(ended)["result"]]).toEqual([1, -4]);
    const events = eventsOf(trace);
    expect(events.map(({ ev }) => ev)).toContain("signal");
    expect(events.findLast(({ ev }) => ev === "leave")?.res).toBe(-4);
  });

  it("is refused by engines that write none, and leaves the file alone", async () => {
    const trace = fileOf("kept", "what was there");
    for (const engine of ["user", "kernel"]) {
      const ended = await loopstep([...NOPS, "--engine", engine, "--trace", trace]);
      expect([ended.status, ended.stdout]).toEqual([4, ""]);
      expect(ended.stderr).toMatch(new RegExp(`^loopstep: engine ${engine}: it writes no trace .*engine sim.*\\n$`));
      await expect(openEngine(engine as "user", { faults: { rules: [] } })).rejects.toMatchObject({
        code: "FEATURE_UNSUPPORTED",
      });
    }
    expect(readFileSync(trace, "utf8")).toBe("what was there");
  });

  it("makes auto take an engine that can", async () => {
    const trace = path.join(dir, "auto");
    const report = jsonOf(await loopstep([...NOPS, "--trace", trace]));
    expect(report["engine"]).toBe("sim");
    expect(report["why"]).toMatch(/not user: it writes no trace/);
    expect(existsSync(trace)).toBe(true);
  });

  it.each([
    ["no such folder", ["--engine", "sim", "--trace", "/nowhere/trace"], /--trace \/nowhere\/trace: .*ENOENT/],
    ["a format that is none", ["--trace", "x", "--trace-format", "xml"], /no such format .*jsonl, perfetto/],
    ["a format without a file", ["--trace-format", "jsonl"], /no trace to write/],
  ])("tells %s", async (_why, words, says) => {
    const ended = await loopstep([...NOPS, ...words]);
    expect([ended.status, ended.stdout]).toEqual([2, ""]);
    expect(ended.stderr).toMatch(says);
  });
});

describe("loopstep run --faults", () => {
  it.each([
    ["{", /this is no JSON/],
    ["[]", /this is no fault plan/],
    ['{"rules": [null]}', /rule 0: this is no rule/],
    ['{"rules": [{}]}', /rule 0: the rule lacks "kind"/],
    ['{"rules": [{"kind": "short"}]}', /the rule lacks "bytes"/],
    ['{"rules": [{"kind": "latency", "ns": 5}]}', /rule 0: ns: .*\[least, most\]/],
    ['{"rules": [{"kind": "error", "errno": 5, "chanse": 1}]}', /Did you mean "chance"\?/],
    ['{"rules": [{"kind": "error", "errno": 0}]}', /not an errno/],
    ['{"rules": [{"kind": "eror"}]}', /unknown kind/],
    ['{"rules": [{"kind": "error", "errno": 5, "op": "NOPE"}]}', /no such opcode/],
  ])("refuses %s", async (text, says) => {
    const ended = await loopstep([...NOPS, "--engine", "sim", "--faults", fileOf("bad.json", text)]);
    expect([ended.status, ended.stdout]).toEqual([2, ""]);
    expect(ended.stderr).toMatch(says);
  });
});
