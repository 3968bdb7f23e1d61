// nops on every engine that can be had.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openSimEngine } from "../../engine/sim/index.ts";
import { openUserEngine } from "../../engine/user/index.ts";
import { DEFAULT_SETUP_FLAGS, type Engine } from "../../loop/index.ts";
import { openObject } from "../../engine/index.ts";
import { probeIoUring } from "../../sys/index.ts";
import { findProgram, ProgramError, runNops } from "../index.ts";

const probe = probeIoUring();
const ENGINES: readonly { name: string; missing: string | undefined; open: () => Engine }[] = [
  { name: "user", missing: probe.available ? undefined : probe.why, open: () => openUserEngine() },
  { name: "sim", missing: undefined, open: () => openSimEngine() },
];

for (const { name, missing, open } of ENGINES) {
  describe.skipIf(missing)(missing ? `nops, engine ${name} (skipped: ${missing})` : `nops, engine ${name}`, () => {
    let engine: Engine;
    beforeAll(() => {
      engine = open();
    });
    afterAll(() => engine?.[Symbol.dispose]());

    for (const [count, depth] of [
      [0, 1],
      [1, 1],
      [1, 64],
      [7, 3],
      [1000, 8],
      [1001, 100],
      [10_000, 1024],
    ] as const) {
      it(`runs ${count} requests, ${depth} in flight`, async () => {
        const { requests, steps, stats } = await runNops(engine, count, depth);
        expect(requests).toBe(BigInt(count));
        expect(steps).toBe(BigInt(Math.ceil(count / depth) + 1));
        expect([stats.submitted, stats.completed]).toEqual([count, count]);
      });
    }

    it("takes a bigint", async () => {
      expect((await runNops(engine, 12n)).requests).toBe(12n);
    });

    for (const depth of [0, -1, 1.5, 40_000]) {
      it(`refuses a depth of ${depth}`, async () => {
        await expect(runNops(engine, 1, depth)).rejects.toMatchObject({ code: "PROGRAM_VALUE", where: "depth" });
      });
    }

    it("refuses a count below 0", async () => {
      await expect(runNops(engine, -1)).rejects.toMatchObject({ code: "BTF_RANGE" });
    });

    for (const [why, flags, queue_depth, says] of [
      ["where nothing can be submitted", ["SINGLE_ISSUER", "DEFER_TASKRUN"], 8, /SQ_REWIND/],
      ["with a depth of 0", DEFAULT_SETUP_FLAGS, 0, /queue_depth/],
    ] as const) {
      it(`stops ${why}, and says so`, async () => {
        const program = findProgram("nops")!;
        const object = await openObject(program.object);
        using ring = engine.createRing({ entries: 8, ...(flags.length > 2 ? { cq_entries: 8 } : {}), flags });
        object.bind(ring.params);
        object.values.set("reqs_to_run", 10);
        object.values.set("queue_depth", queue_depth);
        using loaded = await engine.load(object);
        using link = loaded.attach("nops_ops", ring);
        expect(await ring.run()).toBe(0);
        link.detach();
        const error = program.failure((global) => loaded.values.get(global));
        expect(error).toBeInstanceOf(ProgramError);
        expect(error!.message).toMatch(says);
      });
    }
  });
}
