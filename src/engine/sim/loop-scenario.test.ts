// BPF loops under many schedules: what a scenario calls a problem, and that runs after the first are as the first.

import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { BpfObject } from "../../bpf/object/index.ts";
import { DEFAULT_SETUP_FLAGS } from "../../loop/index.ts";
import { findProgram } from "../../programs/index.ts";
import { traceLine } from "../../uring/trace/index.ts";
import { compileCheck, explore, loopScenario, type Scenario } from "./index.ts";

const RING = { entries: 8, cq_entries: 8, flags: DEFAULT_SETUP_FLAGS };
const SOURCE = Uint8Array.from({ length: 20_000 }, (_, i) => (i * 7) & 0xff);
const submitObject = readFileSync(new URL("../../../testdata/loops/submit.bpf.o", import.meta.url));
const cpObject = readFileSync(findProgram("cp")!.object);

const submitsAndStops = (leaks?: boolean): Scenario =>
  loopScenario({
    open: () => BpfObject.open(submitObject),
    ring: RING,
    prepare: (object) => object.values.set("rounds", [1, 0, 0, 0]),
    ...(leaks === undefined ? {} : { leaks }),
  });

const copies = (): Scenario =>
  loopScenario({
    open: () => BpfObject.open(cpObject),
    ring: RING,
    files: { "/from": SOURCE, "/to": new Uint8Array() },
    prepare(object, engine) {
      object.values.set("in_fd", engine.openFile("/from", "read"));
      object.values.set("out_fd", engine.openFile("/to", "create"));
      object.values.set("buffers", engine.buffer(8 * 4096).address);
      object.values.set("buffer_size", 4096);
    },
    check: compileCheck('result < 0 || file("/to") == file("/from")'),
    mayFail: true,
  });

describe("the scenario of a loop", () => {
  it("finds requests that are left behind, if they are late", async () => {
    const plan = { rules: [{ kind: "latency", ns: [1000, 2000], chance: 0.5 }] } as const;
    const { findings } = await explore(submitsAndStops(), { seeds: 100, plan });
    expect(findings[0]?.problem).toMatchObject({ kind: "leak", message: expect.stringMatching(/^1 request/) });
    expect(findings[0]?.plan.rules).toHaveLength(1);
    expect((await explore(submitsAndStops(false), { seeds: 100, plan })).findings).toEqual([]);
    expect((await explore(submitsAndStops(), { seeds: 100, plan: { rules: [] } })).findings).toEqual([]);
  });

  it("finds nothing in cp under short transfers, errors and reordering", async () => {
    const { findings, runs } = await explore(copies(), {
      seeds: 60,
      plan: {
        rules: [
          { kind: "short", op: ["READ", "WRITE"], bytes: [1, 4096], chance: 0.1 },
          { kind: "error", op: ["READ", "WRITE"], errno: 5, chance: 0.02 },
          { kind: "latency", ns: [0, 100_000] },
          { kind: "spurious", chance: 0.1 },
        ],
      },
    });
    expect([findings, runs]).toEqual([[], 60]);
  });

  it("is the same run the second time, though only the first verifies", async () => {
    const scenario = copies();
    const texts: string[] = [];
    for (let run = 0; run < 2; run++) {
      let text = "";
      const faults = { rules: [{ kind: "latency", ns: [0, 100_000] }] } as const;
      await scenario({ seed: 5, faults, trace: (event) => (text += traceLine(event)) });
      texts.push(text);
    }
    expect(texts[0]).toBe(texts[1]);
    expect(texts[0]).toMatch(/"op":"IORING_OP_WRITE"|"op":"WRITE"/);
  });
});
