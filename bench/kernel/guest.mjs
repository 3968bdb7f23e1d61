// Inside the rig: measures every peer and prints one JSON line each: {question, peer, ns} for one request, or {peer, reason}.
//   node guest.mjs DIST C_PROGRAM LIBBPF_PROGRAM REQUESTS TURNS

import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { performance } from "node:perf_hooks";
import { pathToFileURL } from "node:url";

const [dist, native, libbpf, count, often] = process.argv.slice(2);
const [requests, turns] = [Number(count), Number(often)];
const DEPTHS = [1, 8];
const COPY_BYTES = 4 << 20;
const { BpfObject, openEngine, findProgram } = await import(pathToFileURL(`${dist}/index.js`).href);

const say = (row) => process.stdout.write(`${JSON.stringify(row)}\n`);

/** A measurement by a program that prints nanoseconds for all requests, first of all. */
const program =
  (file, ...words) =>
  () => {
    const { status, stdout, stderr, error } = spawnSync(file, words.map(String), { encoding: "utf8" });
    if (status !== 0) throw new Error(stderr?.trim() || error?.message || `status ${status}`);
    return Number(stdout.split(" ")[0]) / requests;
  };

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

/** The loop on a ring, for `measure` to run time and again. */
const nops = (engine, depth, measure) =>
  withLoop(engine, "nops", depth, { queue_depth: depth }, async (ring, loaded) => {
    const run = async (n) => {
      loaded.bss.reqs_to_run = BigInt(n);
      await ring.run();
      if (loaded.bss.reqs_to_run !== 0n) throw new Error("requests are left over");
      return ring.stats.wallNs / n;
    };
    await run(Math.min(requests, 2000));
    await measure(() => run(requests));
    say({ figure: `${engine.name}: io_uring_enter calls of the run at depth ${depth}`, value: ring.stats.enters });
  });

const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];

/** Lets the peers of a question take turns. */
async function compare(question, peers) {
  const times = peers.map(() => []);
  const failed = new Set();
  for (let turn = 0; turn < turns; turn++) {
    for (const [i, { peer, measure }] of peers.entries()) {
      if (failed.has(peer)) continue;
      try {
        times[i].push(await measure());
      } catch (error) {
        failed.add(peer);
        say({ peer, reason: error.message });
      }
    }
  }
  for (const [i, { peer }] of peers.entries()) {
    if (!failed.has(peer)) say({ question, peer, ns: median(times[i]) });
  }
}

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

/** How long after abort() a loop that sleeps, and one that spins, has ended: the longest of all turns. */
async function abortLatency() {
  for (const engine of engines) {
    for (const name of ["sleep", "spin"]) {
      const object = await BpfObject.open(readFileSync(new URL(`../../testdata/loops/${name}.bpf.o`, import.meta.url)));
      const ring = engine.createRing({ entries: 8, cq_entries: 8, flags: FLAGS });
      object.bind(ring.params);
      const loaded = await engine.load(object);
      const link = loaded.attach(undefined, ring);
      let longest = 0;
      for (let turn = 0; turn < turns; turn++) {
        const controller = new AbortController();
        const before = Number(loaded.bss.steps);
        const ended = ring.run({ signal: controller.signal }).catch((error) => error.errno);
        while (Number(loaded.bss.steps) === before) await new Promise((resolve) => setTimeout(resolve, 1));
        const from = performance.now();
        controller.abort();
        if ((await ended) !== -4) throw new Error(`${name} ended otherwise`);
        longest = Math.max(longest, performance.now() - from);
      }
      say({ figure: `${engine.name}: abort() until a loop that ${name}s has ended, ms at most`, value: longest });
      for (const held of [link, loaded, ring]) held[Symbol.dispose]();
    }
  }
}

const engines = [];
for (const name of ["kernel", "user"]) {
  const opened = performance.now();
  try {
    engines.push(await openEngine(name));
    say({ figure: `${name}: opening the engine, ms`, value: performance.now() - opened });
  } catch (error) {
    say({ peer: name, reason: error.message });
  }
}

/** Adds each engine's loop to the peers, one around the other, so that all are there at once. */
const withEngines = (depth, peers, then, left = engines) =>
  left.length === 0
    ? then(peers)
    : nops(left[0], depth, (measure) =>
        withEngines(depth, [...peers, { peer: left[0].name, measure }], then, left.slice(1)),
      );

const object = findProgram("nops").object;
for (const depth of DEPTHS) {
  const peers = [
    { peer: "C", measure: program(native, depth, requests, 0) },
    // two requests to a system call, whatever the depth of the others
    { peer: "C, linked pairs", measure: program(native, 2, requests, 1) },
    ...(existsSync(libbpf) ? [{ peer: "started by libbpf", measure: program(libbpf, object, depth, requests) }] : []),
  ];
  await withEngines(depth, peers, (all) => compare(`NOP, depth ${depth}`, all));
}
for (const engine of engines) {
  const loop = { peer: engine.name, measure: () => copy(engine) };
  await compare("copy of 4 MiB in pieces of 16 KiB", [loop]);
}
// with one processor only, a loop that spins in the kernel leaves nobody to end it
if (cpus().length > 1) await abortLatency();
for (const engine of engines) engine[Symbol.dispose]();
