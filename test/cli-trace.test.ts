// loopstep run --trace and --faults: what is written down and where, that the simulator writes the same each time, and what is
// refused.

import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { TRACE_FORMATS } from "../src/cli/trace-format.ts";
import { openEngine } from "../src/engine/index.ts";
import type { EngineName } from "../src/loop/index.ts";
import { jsonOf, loopPath, loopstep, start } from "./command-line.ts";
import { chromeViolations, violations, type AnyEvent } from "./trace-schema.ts";

const dir = mkdtempSync(path.join(tmpdir(), "loopstep-trace-"));
afterAll(() => rmSync(dir, { recursive: true }));
const fileOf = (name: string, text: string): string => {
  const file = path.join(dir, name);
  writeFileSync(file, text);
  return file;
};
const NOPS = ["run", "nops", "--set", "reqs_to_run=100", "--json"];

interface Event extends AnyEvent {
  readonly res?: number;
  readonly req?: number;
}
const linesOf = (text: string): Event[] =>
  text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Event);
const eventsOf = (file: string): Event[] => linesOf(readFileSync(file, "utf8"));

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

  it("is written by whatever engine there is, in either form, to its very end", async () => {
    for (const format of TRACE_FORMATS) {
      const trace = path.join(dir, format);
      const words = [...NOPS, "--trace", trace, "--trace-format", format];
      const [ended, untraced] = [await loopstep(words), await loopstep(NOPS)];
      expect([ended.status, ended.stderr]).toEqual([0, ""]);
      const report = jsonOf(ended);
      const { engine } = report;
      expect([engine, report["steps"]]).toEqual([jsonOf(untraced)["engine"], jsonOf(untraced)["steps"]]);
      if (format === "perfetto") {
        expect(chromeViolations(readFileSync(trace, "utf8"))).toEqual([]);
        continue;
      }
      const events = eventsOf(trace);
      expect(violations(events, engine as EngineName)).toEqual([]);
      const names = events.map(({ ev }) => ev);
      expect(names.slice(names.indexOf("leave")).includes("detach")).toBe(true);
    }
  });

  it("leaves the file alone when nothing begins", async () => {
    const trace = fileOf("kept", "what was there");
    const bad = await loopstep([...NOPS, "--trace", trace, "--engine", "sim", "--set", "nothing=1"]);
    expect([bad.status, readFileSync(trace, "utf8")]).toEqual([bad.status, "what was there"]);
    expect(bad.stderr).toMatch(/no such global/);
    await expect(openEngine("user", { faults: { rules: [] } })).rejects.toMatchObject({ code: "FEATURE_UNSUPPORTED" });
  });

  it("holds what happened until a program was rejected", async () => {
    const trace = path.join(dir, "rejected");
    const ended = await loopstep(["run", loopPath("wild"), "--trace", trace, "--engine", "sim", "--quiet"]);
    expect([ended.status, eventsOf(trace).map(({ ev }) => ev)]).toEqual([3, ["setup"]]);
  });

  it.each(TRACE_FORMATS)("goes to stdout for -, the result to stderr (%s)", async (format) => {
    const words = ["run", "nops", "--set", "reqs_to_run=100", "--trace", "-", "--trace-format", format];
    const ended = await loopstep([...words, "--engine", "sim"]);
    expect([ended.status, ended.stderr]).toEqual([0, expect.stringMatching(/result +0/)]);
    if (format === "perfetto") expect(chromeViolations(ended.stdout)).toEqual([]);
    else expect(violations(linesOf(ended.stdout), "sim")).toEqual([]);
  });

  it("stops writing, and no more than that, when nobody reads on", async () => {
    const words = ["run", "nops", "--set", "reqs_to_run=5000", "--trace", "-", "--engine", "sim", "--quiet"];
    const { child, ended } = start(words);
    child.stdout!.once("data", () => child.stdout!.destroy());
    expect(await ended).toMatchObject({ status: 0, stderr: "" });
  });

  it.skipIf(!existsSync("/dev/full")).each(TRACE_FORMATS)("tells that the disk is full (%s)", async (format) => {
    const ended = await loopstep([...NOPS, "--trace", "/dev/full", "--trace-format", format]);
    expect([ended.status, ended.stderr]).toEqual([
      2,
      expect.stringMatching(/^loopstep: --trace \/dev\/full: .*ENOSPC.*\n$/),
    ]);
    expect(jsonOf(ended)).toMatchObject({ result: 0, globals: { reqs_done: 100 } });
  });

  it.each([
    ["no such folder", ["--engine", "sim", "--trace", "/nowhere/trace"], /--trace \/nowhere\/trace: .*ENOENT/],
    ["no such folder, whatever the engine", ["--trace", "/nowhere/trace"], /--trace \/nowhere\/trace: .*ENOENT/],
    ["stdout that is taken", ["--trace", "-"], /--trace -: stdout is where --json prints/],
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
