// Runs nops and cp on the browser entry: as the script of the page of browser.test.ts, and in Node for comparison.

import { BpfObject, DEFAULT_SETUP_FLAGS, MemoryWorld, openSimEngine, traceLine } from "../dist/sim.js";

const RING = { entries: 8, cq_entries: 8, flags: DEFAULT_SETUP_FLAGS };
const SEED = 11;
/** Requests are late, and some transfers short: what happens then is the same everywhere too. */
const FAULTS = {
  rules: [
    { kind: "latency", ns: [0, 40_000], chance: 0.5 },
    { kind: "short", op: ["READ", "WRITE"], bytes: [1, 4096], chance: 0.2 },
  ],
};

async function runOnce(bytes, world, prepare) {
  let trace = "";
  const sink = (event) => (trace += traceLine(event));
  const engine = openSimEngine({ world, seed: SEED, faults: FAULTS, trace: sink, maxMemory: 64 << 20 });
  const ring = engine.createRing(RING);
  const object = BpfObject.open(bytes);
  object.bind(ring.params);
  prepare(object, engine);
  const loaded = await engine.load(object);
  loaded.attach(undefined, ring);
  await ring.run();
  return { loaded, trace, steps: ring.stats.steps };
}

/** `load` gives the bytes of a file of the checkout. */
export async function runAll(load) {
  const nops = await runOnce(await load("/src/programs/nops/nops.bpf.o"), new MemoryWorld(), (object) =>
    object.values.set("reqs_to_run", 1000),
  );
  const source = Uint8Array.from({ length: 100_003 }, (_, i) => (i * 7) & 0xff);
  const world = new MemoryWorld();
  world.writeFile("/from", source);
  const cp = await runOnce(await load("/src/programs/cp/cp.bpf.o"), world, (object, engine) => {
    object.values.set("in_fd", engine.openFile("/from", "read"));
    object.values.set("out_fd", engine.openFile("/to", "create"));
    object.values.set("buffers", engine.buffer(8 * 4096).address);
    object.values.set("buffer_size", 4096);
  });
  const copy = world.readFile("/to");
  return {
    nops: { reqs_done: String(nops.loaded.values.get("reqs_done")), steps: nops.steps, trace: nops.trace },
    cp: { same: source.every((byte, i) => byte === copy?.[i]), size: copy?.length, trace: cp.trace },
  };
}

if (globalThis.document !== undefined) {
  const load = async (file) => new Uint8Array(await (await fetch(file)).arrayBuffer());
  const result = await runAll(load).catch((error) => ({ error: String(error?.stack ?? error) }));
  // percent signs survive the way through HTML
  document.querySelector("#result").textContent = encodeURIComponent(
    JSON.stringify({ isolated: globalThis.crossOriginIsolated, ...result }),
  );
}
