// Traces of every engine that can be had, held against the schema of docs/trace-format.md and against each other.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { EFAULT, EINTR } from "../src/base/index.ts";
import { openEngine, openObject } from "../src/engine/index.ts";
import {
  DEFAULT_SETUP_FLAGS,
  type Engine,
  type EngineName,
  type EngineOptions,
  type RingOptions,
} from "../src/loop/index.ts";
import { copyFile, runNops } from "../src/programs/index.ts";
import { toChromeTrace, type TraceEvent } from "../src/uring/trace/index.ts";
import { loopPath, missingRing } from "./command-line.ts";
import { missingLoops } from "./missing-loops.ts";
import { chromeViolations, TRACE_SCHEMA, violations } from "./trace-schema.ts";

const dir = mkdtempSync(path.join(tmpdir(), "loopstep-traces-"));
afterAll(() => rmSync(dir, { recursive: true }));
const [from, to] = [path.join(dir, "from"), path.join(dir, "to")];
writeFileSync(
  from,
  Uint8Array.from({ length: 100_003 }, (_, i) => (i * 7) & 0xff),
);

const EIGHT: RingOptions = { entries: 8, cq_entries: 8, flags: DEFAULT_SETUP_FLAGS };

/** Runs a program of testdata/loops; what it ends with, for it may be an error. */
const loop =
  (name: string, ring: RingOptions, values: Readonly<Record<string, number | number[]>> = {}, timeoutMs = 300) =>
  async (engine: Engine): Promise<unknown> => {
    const object = await openObject(loopPath(name));
    using made = engine.createRing(ring);
    object.bind(made.params);
    for (const [global, value] of Object.entries(values)) object.values.set(global, value);
    using loaded = await engine.load(object);
    using link = loaded.attach(undefined, made);
    void link;
    return await made.run({ timeoutMs }).catch((error: unknown) => error);
  };

/** Programs whose traces are looked at. The CQ is found as the kernel would leave it in each engine. */
const PROGRAMS: readonly { readonly name: string; readonly run: (engine: Engine) => Promise<unknown> }[] = [
  { name: "nops", run: (engine) => runNops(engine, 100n) },
  // one buffer: one request at a time, in an order that no machine changes
  { name: "cp", run: (engine) => copyFile(engine, from, to, { buffers: 1, bufferSize: 8192 }) },
  { name: "cp with many in flight", run: (engine) => copyFile(engine, from, to, { bufferSize: 4096 }) },
  { name: "one-at-a-time", run: loop("one-at-a-time", { entries: 8, flags: ["SINGLE_ISSUER", "DEFER_TASKRUN"] }) },
  { name: "submit", run: loop("submit", EIGHT, { rounds: [3, 2, 0, 0] }) },
  { name: "overflow", run: loop("overflow", EIGHT) },
  { name: "regions", run: loop("regions", { ...EIGHT, mem: 8192 }) },
  { name: "sleep", run: loop("sleep", EIGHT) },
];

/** The engines asked for, by commas: in the rig the one that is nowhere else. All unless given. */
const WANTED = process.env["LOOPSTEP_TRACES"]?.split(",");
const notWanted = (engine: EngineName): string | undefined =>
  (WANTED?.includes(engine) ?? true) ? undefined : "LOOPSTEP_TRACES does not name it";

const ENGINES: readonly { readonly engine: EngineName; readonly missing: string | undefined }[] = [
  { engine: "sim", missing: notWanted("sim") },
  { engine: "user", missing: notWanted("user") ?? missingRing() },
  { engine: "kernel", missing: notWanted("kernel") ?? missingLoops() },
];
const missingOf = (engine: EngineName): string | undefined => ENGINES.find((row) => row.engine === engine)!.missing;

async function traceOf(
  name: EngineName,
  run: (engine: Engine) => Promise<unknown>,
  options: EngineOptions = {},
): Promise<TraceEvent[]> {
  const events: TraceEvent[] = [];
  using engine = await openEngine(name, { ...options, trace: (event) => events.push(event) });
  await run(engine);
  return events;
}

/** The document's list of what differs between engines, for programs that do the same in both. */
const DIFFERS: readonly string[] = ["t", "ns", "ring", "fd", "addr"];
function common(events: readonly TraceEvent[]): unknown[] {
  return events
    .filter(({ ev }) => !["register", "wait", "wake"].includes(ev))
    .map((event) =>
      Object.fromEntries(
        Object.entries(event).filter(
          ([name]) => !DIFFERS.includes(name) && !(event.ev === "setup" && name === "flags"),
        ),
      ),
    );
}

const stepsIn = (events: readonly TraceEvent[]): number[] =>
  events.flatMap((event) => (event.ev === "step" ? [event.n] : []));

it("knows the engines it is asked for", () => {
  expect(ENGINES.map(({ engine }) => engine)).toEqual(expect.arrayContaining(WANTED ?? []));
});

it("the document has a row for each event", () => {
  expect([...TRACE_SCHEMA.keys()].toSorted()).toEqual(
    "attach complete detach eject enter fault global leave load register setup signal step submit unseen vmfault wait wake".split(
      " ",
    ),
  );
});

for (const { engine, missing: why } of ENGINES) {
  describe.skipIf(why)(why ? `traces of ${engine} (skipped: ${why})` : `traces of ${engine}`, () => {
    it.each(PROGRAMS)("are as documented: $name", async ({ run }) => {
      const events = await traceOf(engine, run);
      expect(violations(events, engine)).toEqual([]);
      expect(chromeViolations(toChromeTrace(events))).toEqual([]);
      const order = events.map(({ ev }) => ev).filter((ev) => /^(setup|load|attach|enter|leave|detach)$/.test(ev));
      expect(order).toEqual(["setup", "load", "attach", "enter", "leave", "detach"]);
    });
  });
}

const noUser = missingOf("user");
describe.skipIf(noUser)(noUser ? `user and sim (skipped: ${noUser})` : "user and sim", () => {
  // those whose requests come back in one order on any machine
  const alike = ["nops", "cp", "one-at-a-time", "submit", "regions"];
  it.each(PROGRAMS.filter(({ name }) => alike.includes(name)))("tell the same of $name", async ({ run }) => {
    const user = common(await traceOf("user", run));
    expect(user.length).toBeGreaterThan(6);
    expect(user).toEqual(common(await traceOf("sim", run)));
  });

  it("tell the same of a program that faults", async () => {
    const run = loop("wild", EIGHT);
    const [user, sim] = [
      common(await traceOf("user", run, { verify: false })),
      common(await traceOf("sim", run, { verify: false })),
    ];
    expect(user).toEqual(sim);
    expect(user).toContainEqual(expect.objectContaining({ ev: "vmfault", kind: "memory" }));
    expect(user.findLast((event) => (event as TraceEvent).ev === "leave")).toEqual({ ev: "leave", res: -EFAULT });
  });
});

describe.skipIf(noUser)(noUser ? `traces of user (skipped: ${noUser})` : "traces of user, whatever happens", () => {
  it("have every step of a loop that had to be ended, more than fits on the way", async () => {
    let steps = 0;
    const events = await traceOf("user", async (engine) => {
      const object = await openObject(loopPath("spin"));
      using ring = engine.createRing(EIGHT);
      using loaded = await engine.load(object);
      using link = loaded.attach(undefined, ring);
      void link;
      await expect(ring.run({ maxSteps: 8000 })).rejects.toMatchObject({ code: "LOOP_STEPS" });
      await expect(ring.run({ timeoutMs: 30 })).rejects.toMatchObject({ code: "LOOP_TIMEOUT" });
      expect(() => ring.runSync({ timeoutMs: 30 })).toThrow(/LOOP_TIMEOUT|within the time allowed/);
      steps = ring.stats.steps!;
    });
    expect(violations(events, "user")).toEqual([]);
    const counted = stepsIn(events);
    const ends = counted.flatMap((n, i) => (counted[i + 1] === n + 1 ? [] : [n]));
    expect(ends).toHaveLength(3);
    expect([ends[0], ends[2]]).toEqual([8000, steps]);
    expect(events.filter(({ ev }) => ev === "leave")).toMatchObject([
      { res: -EINTR },
      { res: -EINTR },
      { res: -EINTR },
    ]);
    expect(JSON.stringify(events).length).toBeGreaterThan(1 << 20);
  });

  it("are kept when the thread has to be ended", async () => {
    const events = await traceOf("user", loop("stuck", EIGHT, {}, 50), { verify: false });
    expect(events.map(({ ev }) => ev)).toEqual(expect.arrayContaining(["setup", "enter", "leave"]));
    expect(events.findLast(({ ev }) => ev === "leave")).toMatchObject({ res: -EINTR });
  });
});

describe.each(ENGINES)("a sink that fails, in $engine", ({ engine: name, missing }) => {
  it.skipIf(missing)(missing ? `(skipped: ${missing})` : "ends what it is told of with its error", async () => {
    for (const at of ["setup", "attach", "step", "leave"]) {
      let count = 0;
      const trace = (event: TraceEvent): void => {
        if (event.ev === at && count++ === 0) throw new RangeError(`no more after ${at}`);
      };
      using engine = await openEngine(name, { trace });
      const run = runNops(engine, 100n);
      // the kernel's loop tells no steps
      if (name === "kernel" && at === "step") await run;
      else await expect(run, at).rejects.toThrow(`no more after ${at}`);
    }
  });
});
