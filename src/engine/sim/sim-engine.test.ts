// The simulated engine against the cases of all engines, compiled and interpreted, and with real files.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { ENGINE_CASES } from "../../../test/engine-cases.ts";
import { DEFAULT_SETUP_FLAGS } from "../../loop/index.ts";
import { findProgram } from "../../programs/index.ts";
import { openObject } from "../open-object.ts";
import { openSimEngine } from "./index.ts";
import { NodeWorld } from "./node/index.ts";
import type { SimRing } from "./sim-ring.ts";

for (const interpret of [false, true]) {
  describe(`engine sim ${interpret ? "interpreted" : "compiled"}`, () => {
    const engine = openSimEngine({ interpret });
    afterAll(() => engine[Symbol.dispose]());
    for (const { name, not, run } of ENGINE_CASES) {
      const why = (not as Record<string, string> | undefined)?.["sim"];
      if (why === undefined) it(name, () => run(engine));
      else it.skip(`${name} (${why})`, () => {});
    }
  });
}

describe("engine sim over real files", () => {
  it("copies a file", async () => {
    const folder = mkdtempSync(path.join(tmpdir(), "loopstep-sim-"));
    try {
      const source = path.join(folder, "from");
      const target = path.join(folder, "to");
      const bytes = Uint8Array.from({ length: 100_003 }, (_, i) => (i * 7) & 0xff);
      writeFileSync(source, bytes);
      using engine = openSimEngine({ world: new NodeWorld() });
      using buffer = engine.buffer(8 * 65_536);
      const object = await openObject(findProgram("cp")!.object);
      using ring = engine.createRing({ entries: 8, cq_entries: 8, flags: DEFAULT_SETUP_FLAGS });
      object.bind(ring.params);
      object.values.set("in_fd", engine.openFile(source, "read"));
      object.values.set("out_fd", engine.openFile(target, "create"));
      object.values.set("buffers", buffer.address);
      using loaded = await engine.load(object);
      using link = loaded.attach(undefined, ring);
      expect(link.ops).not.toBe("");
      expect(await ring.run()).toBe(0);
      expect(readFileSync(target).equals(bytes)).toBe(true);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe("what engine sim hands out again", () => {
  it("is the index of a ring without a descriptor", () => {
    using engine = openSimEngine();
    const flags = [...DEFAULT_SETUP_FLAGS, "NO_MMAP", "REGISTERED_FD_ONLY"];
    const indices: number[] = [];
    // more than a process can have at a time
    for (let round = 0; round < 20; round++) {
      using ring = engine.createRing({ entries: 8, cq_entries: 8, flags }) as SimRing;
      indices.push(ring.fd);
    }
    expect(new Set(indices)).toEqual(new Set([0]));
  });

  it("is the memory of rings, objects and buffers, once they are closed", async () => {
    using engine = openSimEngine();
    const places: unknown[] = [];
    for (let round = 0; round < 20; round++) {
      using ring = engine.createRing({ entries: 64, cq_entries: 64, flags: DEFAULT_SETUP_FLAGS, mem: 8192 });
      using buffer = engine.buffer(100_000);
      const object = await openObject(findProgram("nops")!.object);
      object.bind(ring.params);
      using loaded = await engine.load(object);
      loaded.values.set("reqs_to_run", 10);
      using link = loaded.attach(undefined, ring);
      expect(link.ops).not.toBe("");
      expect(await ring.run()).toBe(0);
      buffer.bytes.fill(round);
      places.push([buffer.address, ring.mem?.byteOffset, ring.sqes.byteOffset, ring.rings.byteOffset]);
    }
    expect(new Set(places.map(String)).size).toBe(1);
  });

  it("is nothing that was given back twice", () => {
    using engine = openSimEngine();
    const first = engine.buffer(4096);
    first[Symbol.dispose]();
    using second = engine.buffer(4096);
    expect(second.address).toBe(first.address);
    first[Symbol.dispose]();
    using third = engine.buffer(4096);
    expect(third.address).not.toBe(second.address);
  });

  it("is what a ring took that could not be made", () => {
    using engine = openSimEngine();
    const before = engine.buffer(4096);
    const { address } = before;
    before[Symbol.dispose]();
    const bad = { entries: 8, flags: ["DEFER_TASKRUN"] as const, mem: 4096 };
    expect(() => engine.createRing(bad)).toThrow(/cannot be made: errno 22/);
    using after = engine.buffer(4096);
    expect(after.address).toBe(address);
  });
});
