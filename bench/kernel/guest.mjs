// Inside the rig: measures every peer and prints one JSON line each: {question, peer, ns} for one request, or {peer, reason}.
//   node guest.mjs DIST C_PROGRAM REQUESTS

import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { performance } from "node:perf_hooks";
import { pathToFileURL } from "node:url";

const [dist, native, count] = process.argv.slice(2);
const requests = Number(count);
const DEPTHS = [1, 8];
const COPY_BYTES = 4 << 20;
const { BpfObject, openEngine, findProgram } = await import(pathToFileURL(`${dist}/index.js`).href);

const say = (row) => process.stdout.write(`${JSON.stringify(row)}\n`);

function fromC(question, peer, depth, pairs) {
  const { status, stdout, stderr } = spawnSync(native, [String(depth), String(requests), String(pairs)], {
    encoding: "utf8",
  });
  if (status === 0) say({ question, peer, ns: Number(stdout) / requests });
  else say({ peer, reason: stderr?.trim() || `status ${status}` });
}

const FLAGS = ["SINGLE_ISSUER", "DEFER_TASKRUN", "NO_SQARRAY", "CQSIZE", "SQ_REWIND"];

/** Loads the program `name` for a ring of `entries`, hands both to `work`, and closes all. */
async function withLoop(engine, name, entries, values, work) {
  const object = await BpfObject.open(findProgram(name).object);
  const ring = engine.createRing({ entries, cq_entries: entries, flags: FLAGS });
  object.bind(ring.params);
  for (const [global, value] of Object.entries(values)) object.values.set(global, value);
  const loaded = await engine.load(object);
  const link = loaded.attach(undefined, ring);
  try {
    return await work(ring, loaded);
  } finally {
    for (const held of [link, loaded, ring]) held[Symbol.dispose]();
  }
}

const nops = (engine, depth) =>
  withLoop(engine, "nops", depth, { queue_depth: depth }, async (ring, loaded) => {
    // once to warm up, and once for good
    for (const n of [Math.min(requests, 2000), requests]) {
      loaded.bss.reqs_to_run = BigInt(n);
      await ring.run();
      if (loaded.bss.reqs_to_run !== 0n) throw new Error("requests are left over");
    }
    return { ns: ring.stats.wallNs / requests, enters: ring.stats.enters };
  });

async function copy(engine) {
  const [from, to] = ["/tmp/bench-from", "/tmp/bench-to"];
  writeFileSync(from, new Uint8Array(COPY_BYTES).fill(7));
  const buffer = engine.buffer(4 * 16384);
  const fds = [engine.openFile(from, "read"), engine.openFile(to, "create")];
  const values = { in_fd: fds[0], out_fd: fds[1], buffers: buffer.address, buffer_size: 16384, nr_buffers: 4 };
  const ns = await withLoop(engine, "cp", 4, values, async (ring) => {
    await ring.run();
    return ring.stats.wallNs;
  });
  for (const fd of fds) engine.closeFile(fd);
  if (!readFileSync(to).equals(readFileSync(from))) throw new Error("the copy differs");
  return ns;
}

for (const depth of DEPTHS) {
  const question = `NOP, depth ${depth}`;
  fromC(question, "C", depth, 0);
  if (depth > 1) fromC(question, "C, linked pairs", depth, 1);
  else fromC(question, "C, linked pairs", 2, 1);
}
for (const name of ["kernel", "user"]) {
  const opened = performance.now();
  let engine;
  try {
    engine = await openEngine(name);
  } catch (error) {
    say({ peer: name, reason: error.message });
    continue;
  }
  say({ figure: `${name}: opening the engine, ms`, value: performance.now() - opened });
  for (const depth of DEPTHS) {
    const { ns, enters } = await nops(engine, depth);
    say({ question: `NOP, depth ${depth}`, peer: name, ns });
    say({ figure: `${name}: io_uring_enter calls of the run at depth ${depth}`, value: enters });
  }
  say({ question: "copy of 4 MiB in pieces of 16 KiB", peer: name, ns: await copy(engine) });
  engine[Symbol.dispose]();
}
