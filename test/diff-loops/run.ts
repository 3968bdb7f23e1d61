// A loop run on an engine the way the recorded ones were run: the same ring, the same region, the same alarm.

import { fnv1a } from "../../src/base/index.ts";
import type { BpfObject } from "../../src/bpf/object/index.ts";
import { AttachError, DEFAULT_SETUP_FLAGS, LoopError, type Engine } from "../../src/loop/index.ts";
import type { RecordedRun } from "./recorded.ts";

const MEM_BYTES = 8192;
const SQE_BYTES = 512;

/** The region's contents before each run: byte i is i*7, then four words. */
function initialMem(): Uint8Array {
  const mem = Uint8Array.from({ length: MEM_BYTES }, (_, i) => i * 7);
  new Uint32Array(mem.buffer, 0, 4).set([5, 0xfffffff3, 100, 7]);
  return mem;
}

const hash = (bytes: Uint8Array): string => fnv1a(bytes).toString(16).padStart(8, "0");
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

/** Runs `object` until it ends, or for `ms`. */
export async function runLoop(engine: Engine, object: BpfObject, ms: number): Promise<RecordedRun> {
  using ring = engine.createRing({ entries: 8, cq_entries: 8, flags: DEFAULT_SETUP_FLAGS, mem: MEM_BYTES });
  ring.mem!.set(initialMem());
  using loaded = await engine.load(object);
  let attach_errno = 0;
  let run_ret = 0;
  let run_interrupted = 0;
  try {
    using _link = loaded.attach(undefined, ring);
    await ring.run({ timeoutMs: ms });
  } catch (error) {
    if (error instanceof AttachError) attach_errno = error.errno;
    else if (error instanceof LoopError) {
      run_ret = error.errno;
      run_interrupted = error.code === "LOOP_TIMEOUT" ? 1 : 0;
    } else throw error;
  }
  const rings = new DataView(ring.rings.slice().buffer);
  const out = object.globals.some(({ name }) => name === "out") ? (loaded.values.get("out") as readonly bigint[]) : [];
  const mem = ring.mem!.slice();
  return {
    attach_errno,
    run_ret,
    run_interrupted,
    out: out.map(String),
    cq_head: rings.getUint32(ring.params.cq_off.head, true),
    cq_tail: rings.getUint32(ring.params.cq_off.tail, true),
    mem_fnv1a: hash(mem),
    sq_fnv1a: hash(ring.sqes.slice(0, SQE_BYTES)),
    mem_first64: hex(mem.subarray(0, 64)),
  };
}
