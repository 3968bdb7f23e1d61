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
