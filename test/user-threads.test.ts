// The thread of a ring does ahead of time what is likely to be wanted: it starts before its engine is opened, and compiles
// a program while that is verified. What is wanted in the end may be something else.

import { describe, expect, it } from "vitest";
import { expectEngine } from "../src/engine/index.ts";
import {
  BpfObject,
  DEFAULT_SETUP_FLAGS,
  findProgram,
  openEngine,
  type Engine,
  type EngineName,
  type LoadedObject,
  type Ring,
} from "../src/index.ts";
import { loopPath, missingRing } from "./command-line.ts";

const missing = missingRing();
if (missing !== undefined) console.log(`skipped: threads of rings need io_uring: ${missing}`);

const newRing = (engine: Engine): Ring => engine.createRing({ entries: 8, cq_entries: 8, flags: DEFAULT_SETUP_FLAGS });

async function loadNops(engine: Engine, ring: Ring, requests: number): Promise<LoadedObject> {
  const object = await BpfObject.open(findProgram("nops")!.object);
  object.bind(ring.params);
  object.bss["reqs_to_run"] = BigInt(requests);
  return engine.load(object);
}

async function expectToRun(loaded: LoadedObject, ring: Ring, requests: number): Promise<void> {
  using _ = loaded.attach(undefined, ring);
  await ring.run();
  expect(loaded.bss["reqs_done"]).toBe(BigInt(requests));
}

describe.skipIf(missing !== undefined)("a thread started early", () => {
  const cases: readonly (readonly [expected: EngineName, opened: EngineName])[] = [
    ["user", "user"],
    ["kernel", "user"],
    ["user", "sim"],
    ["sim", "user"],
  ];
  it.each(cases)("for the engine %s serves, or does not disturb, the engine %s", async (expected, opened) => {
    expectEngine(expected);
    using engine = await openEngine(opened);
    using ring = newRing(engine);
    using loaded = await loadNops(engine, ring, 100);
    await expectToRun(loaded, ring, 100);
  });
});

describe.skipIf(missing !== undefined)("a program compiled ahead", () => {
  it("is forgotten when it is rejected", async () => {
    using engine = await openEngine("user");
    using ring = newRing(engine);
    await expect(async () => engine.load(await BpfObject.open(loopPath("wild")))).rejects.toThrow(/reject/);
    using loaded = await loadNops(engine, ring, 10);
    await expectToRun(loaded, ring, 10);
  });

  it("is not taken for another", async () => {
    using engine = await openEngine("user");
    using ring = newRing(engine);
    using first = await loadNops(engine, ring, 10);
    using second = await loadNops(engine, ring, 20);
    await expectToRun(first, ring, 10);
    await expectToRun(second, ring, 20);
    expect(first.bss["reqs_done"]).toBe(10n);
  });

  it("runs on another ring than the one that has compiled it", async () => {
    using engine = await openEngine("user");
    using idle = newRing(engine);
    using ring = newRing(engine);
    using loaded = await loadNops(engine, ring, 10);
    await expectToRun(loaded, ring, 10);
    expect(idle.stats.steps).toBe(0);
  });
});
