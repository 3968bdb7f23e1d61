// Traces of every engine that can be had, held against the schema of docs/trace-format.md and against each other.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { openEngine, openObject } from "../src/engine/index.ts";
import { DEFAULT_SETUP_FLAGS, type Engine, type EngineName, type RingOptions } from "../src/loop/index.ts";
import { copyFile, runNops } from "../src/programs/index.ts";
import { toChromeTrace, type TraceEvent } from "../src/uring/trace/index.ts";
import { loopPath } from "./command-line.ts";
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
  (name: string, ring: RingOptions, values: Readonly<Record<string, number | number[]>> = {}) =>
  async (engine: Engine): Promise<unknown> => {
    const object = await openObject(loopPath(name));
    using made = engine.createRing(ring);
    object.bind(made.params);
    for (const [global, value] of Object.entries(values)) object.values.set(global, value);
    using loaded = await engine.load(object);
    using link = loaded.attach(undefined, made);
    void link;
    return await made.run({ timeoutMs: 300 }).catch((error: unknown) => error);
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

const ENGINES: readonly { readonly engine: EngineName; readonly missing: string | undefined }[] = [
  { engine: "sim", missing: undefined },
];
async function traceOf(name: EngineName, run: (engine: Engine) => Promise<unknown>): Promise<TraceEvent[]> {
  const events: TraceEvent[] = [];
  using engine = await openEngine(name, { trace: (event) => events.push(event) });
  await run(engine);
  return events;
}

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
