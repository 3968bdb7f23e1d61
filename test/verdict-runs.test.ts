// The loops that Linux 7.2.13 accepted, run on the engines here: result, `out`, heads, tails and region hashes must be those
// recorded on the real kernel (test/recorded-loops.ts).

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fnv1a } from "../src/base/index.ts";
import { openEngine, openObject } from "../src/engine/index.ts";
import { DEFAULT_SETUP_FLAGS, LoopError, type Engine, type EngineName, type EngineOptions } from "../src/loop/index.ts";
import { probeIoUring } from "../src/sys/index.ts";
import { recordedLoops, type RecordedLoop } from "./recorded-loops.ts";

const MEM_BYTES = 8192;
const SQE_BYTES = 512;
const probe = probeIoUring();
const noRing = probe.available ? undefined : probe.why;

const recorded = recordedLoops.filter(
  ({ verdict, not_run_here }) => verdict === "accepted" && not_run_here === undefined,
);

for (const { program, not_run_here } of recordedLoops)
  if (not_run_here !== undefined) console.log(`recorded run of ${program} skipped: ${not_run_here}`);

/** The region's contents before each run: byte i is i*7, then four words. */
function initialMem(): Uint8Array {
  const mem = Uint8Array.from({ length: MEM_BYTES }, (_, i) => i * 7);
  new Uint32Array(mem.buffer, 0, 4).set([5, 0xfffffff3, 100, 7]);
  return mem;
}

const hash = (bytes: Uint8Array): string => fnv1a(bytes).toString(16).padStart(8, "0");

async function runRecorded(engine: Engine, loop: RecordedLoop): Promise<Record<string, unknown>> {
  const object = await openObject(loop.file);
  using ring = engine.createRing({ entries: 8, cq_entries: 8, flags: DEFAULT_SETUP_FLAGS, mem: MEM_BYTES });
  ring.mem!.set(initialMem());
  using loaded = await engine.load(object);
  using _link = loaded.attach(undefined, ring);
  // the recorder's alarm came after three seconds; a loop that never stops need not be watched that long
  const result = await ring.run({ timeoutMs: loop.run_interrupted ? 100 : 20_000 }).catch((error: unknown) => {
    if (error instanceof LoopError) return error.errno;
    throw error;
  });
  const rings = new DataView(ring.rings.slice().buffer);
  return {
    run_ret: result,
    out: (loaded.values.get("out") as readonly bigint[]).map(String),
    cq_head: rings.getUint32(ring.params.cq_off.head, true),
    cq_tail: rings.getUint32(ring.params.cq_off.tail, true),
    mem_fnv1a: hash(ring.mem!.slice()),
    sq_fnv1a: hash(ring.sqes.slice(0, SQE_BYTES)),
  };
}

/** What must be equal: all, or, where the kernel's own runs differ from each other, what does not depend on that. */
function expected(loop: RecordedLoop): Record<string, unknown> {
  const { run_ret, out, cq_head, cq_tail, mem_fnv1a, sq_fnv1a } = loop;
  return loop.unstable ? { run_ret, cq_head, cq_tail } : { run_ret, out, cq_head, cq_tail, mem_fnv1a, sq_fnv1a };
}

interface Mode {
  readonly engine: EngineName;
  readonly options: EngineOptions;
  readonly missing: string | undefined;
}

const MODES: readonly Mode[] = [
  { engine: "user", options: {}, missing: noRing },
  { engine: "user", options: { interpret: true }, missing: noRing },
  { engine: "sim", options: {}, missing: undefined },
];

for (const mode of MODES) {
  const reason = mode.missing;
  const title = `recorded runs on ${mode.engine} ${JSON.stringify(mode.options)}${reason ? ` (${reason})` : ""}`;
  describe.skipIf(reason !== undefined)(title, () => {
    let engine: Engine;
    beforeAll(async () => {
      engine = await openEngine(mode.engine, mode.options);
    });
    afterAll(() => engine[Symbol.dispose]());
    it("has recorded runs", () => expect(recorded.length).toBeGreaterThan(0));
    for (const loop of recorded) {
      it(`${loop.program} ${loop.mcpu}`, async () => {
        expect(await runRecorded(engine, loop)).toMatchObject(expected(loop));
      });
    }
  });
}
