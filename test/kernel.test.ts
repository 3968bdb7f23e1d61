// What only a real kernel of 7.1 or later can show: run by `npm run test:kernel` inside the rig, skipped elsewhere with the
// reason. The behaviour all engines share is in engine-cases.ts.

import { spawn, spawnSync, type SpawnSyncReturns } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { openEngine, openObject } from "../src/engine/index.ts";
import { openKernelEngine } from "../src/engine/kernel/index.ts";
import { BpfCalls } from "../src/engine/kernel/bpf.ts";
import { DEFAULT_SETUP_FLAGS, type Engine, type RingOptions } from "../src/loop/index.ts";
import { findProgram } from "../src/programs/index.ts";
import { openSys } from "../src/sys/index.ts";
import { missingLoops } from "./missing-loops.ts";

const ROOT = path.dirname(import.meta.dirname);
const CLI = path.join(ROOT, "dist/cli/main.js");
const EIGHT: RingOptions = { entries: 8, cq_entries: 8, flags: DEFAULT_SETUP_FLAGS };
const loop = (name: string): string => findProgram(name)?.object ?? path.join(ROOT, `testdata/loops/${name}.bpf.o`);

const CLASSIC: RingOptions = { entries: 8, flags: ["SINGLE_ISSUER", "DEFER_TASKRUN"] };
const COMPARED: readonly (readonly [
  name: string,
  ring: RingOptions,
  values: Readonly<Record<string, number | number[]>>,
])[] = [
  ["nops", EIGHT, { reqs_to_run: 1000 }],
  ["one-at-a-time", CLASSIC, {}],
  ["submit", EIGHT, { rounds: [3, 2, 0, 0] }],
  ["overflow", EIGHT, {}],
  ["regions", { ...EIGHT, mem: 8192 }, {}],
];

/** All that a run leaves to be seen. */
async function results(
  engine: Engine,
  name: string,
  options: RingOptions,
  values: Readonly<Record<string, number | number[]>>,
): Promise<unknown> {
  const object = await openObject(loop(name));
  using ring = engine.createRing(options);
  object.bind(ring.params);
  for (const [global, value] of Object.entries(values)) object.values.set(global, value);
  using loaded = await engine.load(object);
  using link = loaded.attach(undefined, ring);
  const result = await ring.run();
  const globals = object.globals.map((global) => [global.name, loaded.values.get(global.name)]);
  const maps = Object.values(loaded.maps).map((map) => [map.name, map.entries()]);
  return { ops: link.ops, result, globals, maps, completed: ring.stats.completed, rings: ring.rings.slice(8, 16) };
}

const missing = missingLoops();

// Inside the rig nothing may be skipped.
if (process.env["LOOPSTEP_VM"] !== undefined) it("the rig's kernel runs loops", () => expect(missing).toBeUndefined());
if (missing !== undefined) console.warn(`skipped: ${missing}`);

const sh = (script: string, ...args: string[]): SpawnSyncReturns<string> =>
  spawnSync("sh", ["-c", script, "sh", ...args], { encoding: "utf8" });

/** What the system holds: ids of BPF objects, descriptors and threads of this process. */
function holdings(bpf: BpfCalls): Record<string, number> {
  return {
    maps: bpf.ids("MAP").length,
    programs: bpf.ids("PROG").length,
    links: bpf.ids("LINK").length,
    descriptors: readdirSync("/proc/self/fd").length,
    threads: readdirSync("/proc/self/task").length,
  };
}

/** The kernel frees objects in its own time: waits until they are as few as `wanted`. */
async function settled(bpf: BpfCalls, wanted: Record<string, number>): Promise<Record<string, number>> {
  const until = Date.now() + 20_000;
  for (;;) {
    const now = holdings(bpf);
    if (Object.entries(wanted).every(([what, count]) => now[what] <= count) || Date.now() > until) return now;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function once(engine: Engine, name: string): Promise<void> {
  const object = await openObject(loop(name));
  using ring = engine.createRing(EIGHT);
  object.bind(ring.params);
  using loaded = await engine.load(object);
  if (name === "nops") loaded.bss["reqs_to_run"] = 16n;
  using link = loaded.attach(undefined, ring);
  expect(link.ops).toMatch(/_ops$/);
  if (name === "nops") expect(await ring.run()).toBe(0);
  else await expect(ring.run({ timeoutMs: 20 })).rejects.toThrow(/within the time allowed/);
}

describe.skipIf(missing !== undefined)("the kernel engine", () => {
  it("is what auto chooses, and says why", async () => {
    using engine = await openEngine("auto");
    expect([engine.name, engine.why]).toEqual([
      "kernel",
      expect.stringMatching(/^Linux 7\.\d+.* runs the loop itself/),
    ]);
  });

  it("gives the same results as the user engine: globals, maps, completions", async () => {
    using kernel = await openEngine("kernel");
    using user = await openEngine("user");
    for (const [name, options, values] of COMPARED) {
      const [here, there] = [await results(kernel, name, options, values), await results(user, name, options, values)];
      expect(here, name).toEqual(there);
    }
  });

  it("copies a file with one io_uring_enter", async () => {
    const bytes = Uint8Array.from({ length: 1_000_003 }, (_, i) => (i * 31 + (i >> 8)) & 0xff);
    writeFileSync("/tmp/kernel-cp-from", bytes);
    using engine = await openEngine("kernel");
    const object = await openObject(loop("cp"));
    using ring = engine.createRing(EIGHT);
    object.bind(ring.params);
    using buffer = engine.buffer(4 * 65536);
    const [from, to] = [engine.openFile("/tmp/kernel-cp-from", "read"), engine.openFile("/tmp/kernel-cp-to", "create")];
    for (const [name, value] of Object.entries({
      in_fd: from,
      out_fd: to,
      buffers: buffer.address,
      buffer_size: 65536,
      nr_buffers: 4,
    })) {
      object.values.set(name, value);
    }
    using loaded = await engine.load(object);
    using link = loaded.attach(undefined, ring);
    expect(link.ops).toBe("cp_ops");
    expect(await ring.run()).toBe(0);
    expect(ring.stats.enters).toBe(1);
    engine.closeFile(from);
    engine.closeFile(to);
    expect(Buffer.compare(readFileSync("/tmp/kernel-cp-to"), bytes)).toBe(0);
  });

  it("leaks nothing in 1000 rounds of load, attach, run, close", async () => {
    const bpf = new BpfCalls(openSys());
    using engine = await openEngine("kernel");
    await once(engine, "nops");
    const before = await settled(bpf, holdings(bpf));
    for (let round = 0; round < 1000; round++) await once(engine, "nops");
    const after = await settled(bpf, before);
    for (const [what, count] of Object.entries(before)) expect(after[what], what).toBeLessThanOrEqual(count);
  }, 400_000);

  it("leaves nothing behind after loops that had to be ended, nor after the engine is closed", async () => {
    const bpf = new BpfCalls(openSys());
    const nothing = holdings(bpf);
    {
      using engine = await openEngine("kernel");
      for (const name of ["sleep", "spin", "sleep", "spin"]) await once(engine, name);
    }
    const after = await settled(bpf, nothing);
    for (const [what, count] of Object.entries(nothing)) expect(after[what], what).toBeLessThanOrEqual(count);
  });

  // what a process has by the time it is killed: its ring's maps, its program, its link, and a loop that sleeps or spins
  it.each([
    ["sleep", "MAP", 0],
    ["sleep", "PROG", 0],
    ["sleep", "LINK", 0],
    ["sleep", "LINK", 500],
    ["spin", "LINK", 500],
  ] as const)("leaves nothing attached when its process is killed (%s, %s, %i ms later)", async (name, kind, later) => {
    const bpf = new BpfCalls(openSys());
    const nothing = { maps: 0, programs: 0, links: 0 };
    expect(await settled(bpf, nothing)).toMatchObject(nothing);
    const child = spawn(process.execPath, [CLI, "run", loop(name), "--engine", "kernel", "--quiet"], {
      stdio: "ignore",
    });
    const ended = new Promise((resolve) => child.once("exit", (_, signal) => resolve(signal)));
    while (bpf.ids(kind).length === 0 && child.exitCode === null)
      await new Promise((resolve) => setTimeout(resolve, 1));
    await new Promise((resolve) => setTimeout(resolve, later));
    child.kill("SIGKILL");
    expect(await ended).toBe("SIGKILL");
    expect(await settled(bpf, nothing)).toMatchObject(nothing);
  });

  it("says why the kernel refuses a program, with the line of source", async () => {
    using engine = await openEngine("kernel");
    const object = await openObject(loop("wild"));
    await expect(engine.load(object)).rejects.toMatchObject({
      code: "VERIFIER_REJECTED",
      errno: -13,
      message: expect.stringMatching(/invalid mem access 'scalar'/),
      where: expect.stringMatching(/program wild, insn \d+, wild\.bpf\.c:\d+: value = .*the faulting line/),
    });
    await expect(openObject(loop("unknown-kfunc")).then((unknown) => engine.load(unknown))).rejects.toMatchObject({
      code: "OBJECT_KFUNC",
      remedy: expect.stringMatching(/bpf_io_uring_submit_sqes/),
    });
  });

  it("says so where io_uring is forbidden", () => {
    const sysctl = "/proc/sys/kernel/io_uring_disabled";
    writeFileSync(sysctl, "2");
    try {
      expect(() => openKernelEngine()).toThrow(/io_uring_disabled is 2.*Ask for sysctl/);
    } finally {
      writeFileSync(sysctl, "0");
    }
  });

  const refusals: readonly (readonly [what: string, script: string, sentence: RegExp])[] = [
    [
      "without privilege",
      'setpriv --reuid 65534 --clear-groups --inh-caps=-all --bounding-set=-all "$@"',
      /needs CAP_BPF and CAP_PERFMON/,
    ],
    [
      "without BTF",
      'unshare -m sh -c \'mount -t tmpfs none /sys/kernel/btf && exec "$@"\' sh "$@"',
      /does not publish its BTF/,
    ],
  ];
  it.each(refusals)("%s: one sentence, a remedy, status 4", (_, script, sentence) => {
    const { status, stderr } = sh(script, process.execPath, CLI, "run", loop("nops"), "--engine", "kernel");
    expect(stderr).toMatch(sentence);
    expect(stderr.trim().split("\n")).toHaveLength(1);
    expect(status).toBe(4);
  });
});
