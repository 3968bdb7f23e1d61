// What does a request cost? NOPs kept in flight at several queue depths: the loop of src/programs/nops through the public API
// of the built package (dist/), verified and not; a C program that drives the same kind of ring with plain system calls; and
// the same in plain JavaScript.

import path from "node:path";
import { pathToFileURL } from "node:url";
import type * as Loopstep from "../src/index.ts";
import {
  interleave,
  ratiosTo,
  type Answer,
  type Bench,
  type Effort,
  type Peer,
  type Report,
  type Skipped,
} from "./harness.ts";
import { build, driverTime, hasCommand, scratchDirectory } from "./native.ts";
import { ByHand } from "./nop/by-hand.ts";

const DEPTHS: readonly number[] = [1, 8, 32, 128];
const C = "C";
const OURS = "loopstep";
/** A slice of the machine's time is shorter than the scheduler's: most rounds run undisturbed. */
const SLICES = { rounds: 61, forNs: 4e6 };
const WARM_UP = 40;

type Package = typeof Loopstep;

/** A peer that holds something open. */
interface OpenPeer extends Peer {
  close(): void;
}

// Runs as many requests as fit the time, by what one took before.
function timed(name: string, run: (requests: number) => number, close: () => void): OpenPeer {
  let perRequest = 1000;
  const measure = (forNs: number): number => (perRequest = run(Math.max(256, Math.round(forNs / perRequest))));
  return { name, measure, close };
}

async function openLoop({ openEngine, BpfObject }: Package, file: string, depth: number, options: object) {
  const engine = await openEngine("user", options);
  const object = await BpfObject.open(file);
  const flags = ["SINGLE_ISSUER", "DEFER_TASKRUN", "NO_SQARRAY", "CQSIZE", "SQ_REWIND"];
  const ring = engine.createRing({ entries: depth, cq_entries: depth, flags });
  object.bind(ring.params);
  object.rodata["queue_depth"] = depth;
  const loaded = await engine.load(object);
  loaded.attach(undefined, ring);
  return { engine, ring, loaded };
}

async function ours(name: string, pkg: Package, file: string, depth: number, options: object): Promise<OpenPeer> {
  const { engine, ring, loaded } = await openLoop(pkg, file, depth, options);
  const run = (requests: number): number => {
    loaded.bss["reqs_to_run"] = BigInt(requests);
    loaded.bss["reqs_done"] = 0n;
    ring.runSync();
    if (loaded.bss["reqs_done"] !== BigInt(requests)) throw new Error("the loop stopped early");
    return ring.stats.wallNs / requests;
  };
  return timed(name, run, () => engine[Symbol.dispose]());
}

function byHand(depth: number): OpenPeer {
  const loop = new ByHand(depth);
  return timed(
    "JavaScript by hand",
    (requests) => loop.run(requests),
    () => loop.close(),
  );
}

// The C program both ways of asking: whichever is faster on this machine counts.
function compiledPeers(root: string, depth: number): OpenPeer[] {
  const out = path.join(scratchDirectory(), `nop-peer-${depth}`);
  build("cc", ["-O2", path.join(root, "bench/nop/peer.c"), "-o", out]);
  return [[], ["wait"]].map((extra) => {
    const time = driverTime(out, String(depth), ...extra);
    return { name: [C, ...extra].join(", "), measure: time, close() {} };
  });
}

// One entry for C: the better of its two ways.
function betterC(times: Readonly<Record<string, number>>): Record<string, number> {
  const { [C]: alone, [`${C}, wait`]: waiting, ...rest } = times;
  return alone === undefined ? rest : { ...rest, [C]: Math.min(alone, waiting) };
}

async function ask(
  pkg: Package,
  root: string,
  file: string,
  depth: number,
  effort: Effort,
  compiler: boolean,
): Promise<Answer> {
  const peers: OpenPeer[] = [
    await ours(OURS, pkg, file, depth, {}),
    await ours(`${OURS}, unverified`, pkg, file, depth, { verify: false }),
    byHand(depth),
    ...(compiler ? compiledPeers(root, depth) : []),
  ];
  try {
    // V8's optimising compiler takes over after some thousand steps
    if (effort.rounds > 1) for (const peer of peers) for (let i = 0; i < WARM_UP; i++) peer.measure(effort.forNs);
    const answer = interleave({ name: `depth ${depth}`, peers }, effort);
    return { name: answer.name, ns: betterC(answer.ns), best: betterC(answer.best) };
  } finally {
    for (const peer of peers) peer.close();
  }
}

/** The bench; `only` names some of the depths. Needs a build (dist/) and io_uring. */
export function nopBench(root: string, only?: readonly string[]): Bench {
  return {
    name: "nop",
    async run(asked, progress): Promise<Report> {
      const pkg = (await import(pathToFileURL(path.join(root, "dist/index.js")).href)) as Package;
      const file = pkg.findProgram("nops")!.object;
      const tiny = asked.rounds === 1;
      const effort = tiny ? asked : SLICES;
      const compiler = hasCommand("cc");
      const skipped: Skipped[] = compiler ? [] : [{ name: C, reason: "cc is not installed" }];
      const answers: Answer[] = [];
      for (const depth of DEPTHS.filter((depth) => only === undefined || only.includes(String(depth)))) {
        const answer = await ask(pkg, root, file, depth, effort, compiler);
        answers.push(answer);
        progress(
          `${answer.name}: ${Object.entries(answer.ns)
            .map(([peer, ns]) => `${peer} ${ns.toFixed(1)} ns`)
            .join(", ")}; least: ${Object.entries(answer.best!)
            .map(([peer, ns]) => `${peer} ${ns.toFixed(1)}`)
            .join(", ")}`,
        );
      }
      const baseline = compiler ? C : OURS;
      const ratios = ratiosTo(baseline, answers);
      return {
        bench: "nop",
        answers,
        baseline,
        ratios,
        bestRatios: ratiosTo(baseline, answers, "best"),
        skipped,
        figures: {},
      };
    },
  };
}
