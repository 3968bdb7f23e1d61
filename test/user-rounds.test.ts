// One engine used again and again: what a ring, an object or a buffer took is there for the next one. Memory, descriptors and
// threads are counted after a few rounds and after many.

import { readdirSync } from "node:fs";
import { expect, test } from "vitest";
import { BpfObject, DEFAULT_SETUP_FLAGS, findProgram, openEngine, type Engine } from "../src/index.ts";
import { probeIoUring } from "../src/sys/index.ts";

const probe = probeIoUring();
if (!probe.available) console.log(`skipped: rounds in one engine need io_uring: ${probe.why}. ${probe.remedy}`);

const FEW = 20;
const MANY = 1000;
const REQUESTS = 16;

const count = (directory: string): number => readdirSync(directory).length;

interface Taken {
  readonly memory: number;
  readonly descriptors: number;
  readonly threads: number;
}

async function round(engine: Engine, i: number): Promise<Taken> {
  using buffer = engine.buffer(4096 * (1 + (i % 7)));
  expect(buffer.bytes.every((byte) => byte === 0)).toBe(true);
  buffer.bytes.fill(0xff);
  const entries = 2 ** (i % 5);
  using ring = engine.createRing({ entries, cq_entries: entries, flags: DEFAULT_SETUP_FLAGS, mem: 4096 });
  expect(ring.mem!.every((byte) => byte === 0)).toBe(true);
  ring.mem!.fill(0xff);
  const object = await BpfObject.open(findProgram("nops")!.object);
  object.bind(ring.params);
  object.bss["reqs_to_run"] = BigInt(REQUESTS);
  using loaded = await engine.load(object);
  loaded.attach(undefined, ring);
  if (i % 2 === 0) await ring.run();
  else ring.runSync();
  expect(loaded.bss["reqs_done"]).toBe(BigInt(REQUESTS));
  const memory = ring.sqes.buffer.byteLength;
  return { memory, descriptors: count("/proc/self/fd"), threads: count("/proc/self/task") };
}

test.skipIf(!probe.available)(`${MANY} rounds in one engine take no more than ${FEW}`, async () => {
  using engine = await openEngine("user");
  let most: Taken = { memory: 0, descriptors: 0, threads: 0 };
  for (let i = 0; i < MANY; i++) {
    const taken = await round(engine, i);
    if (i < FEW) {
      most = {
        memory: Math.max(most.memory, taken.memory),
        descriptors: Math.max(most.descriptors, taken.descriptors),
        threads: Math.max(most.threads, taken.threads),
      };
      continue;
    }
    expect(taken.memory).toBeLessThanOrEqual(most.memory);
    // the test runner's own come and go
    expect(taken.descriptors).toBeLessThanOrEqual(most.descriptors + 5);
    expect(taken.threads).toBeLessThanOrEqual(most.threads + 5);
  }
});

test.skipIf(!probe.available)("what was loaded cannot be used once it is not", async () => {
  using engine = await openEngine("user");
  using ring = engine.createRing({ entries: 8, cq_entries: 8, flags: DEFAULT_SETUP_FLAGS });
  const object = await BpfObject.open(findProgram("nops")!.object);
  object.bind(ring.params);
  const loaded = await engine.load(object);
  const { bss } = loaded;
  loaded[Symbol.dispose]();
  loaded[Symbol.dispose]();
  expect(() => bss["reqs_to_run"]).toThrow(/no longer loaded/);
  expect(() => loaded.attach(undefined, ring)).toThrow(/no longer loaded/);
});

test.skipIf(!probe.available)("an object's memory is kept while a ring still runs it", async () => {
  using engine = await openEngine("user");
  using ring = engine.createRing({ entries: 8, cq_entries: 8, flags: DEFAULT_SETUP_FLAGS });
  const object = await BpfObject.open(findProgram("nops")!.object);
  object.bind(ring.params);
  object.bss["reqs_to_run"] = 2n ** 62n;
  const loaded = await engine.load(object);
  loaded.attach(undefined, ring);
  const running = ring.run();
  while (ring.stepsSoFar === 0) await new Promise((resolve) => setImmediate(resolve));
  loaded[Symbol.dispose]();
  using other = engine.buffer(1 << 20);
  await expect(running).rejects.toMatchObject({ code: "LOOP_EFAULT" });
  expect(other.bytes.every((byte) => byte === 0)).toBe(true);
});
