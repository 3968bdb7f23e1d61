// How long until something happens? Whole processes, from their start to their end: Node alone, and commands of loopstep from
// the built package (dist/); and, in a process that is warm, from an object's file to the end of a run.

import { spawnSync } from "node:child_process";
import path from "node:path";
import { pathToFileURL } from "node:url";
import type * as Loopstep from "../src/index.ts";
import {
  interleave,
  median,
  ratiosTo,
  type Answer,
  type Bench,
  type Effort,
  type Peer,
  type Question,
  type Report,
} from "./harness.ts";

type Package = typeof Loopstep;

const NODE = "node -e 0";
const OURS = "loopstep";
/** A process a turn. */
const PROCESSES = 21;
const WARM_RUNS = 31;

/** Words of the commands that are measured; `nops` is a program's file. */
const COMMANDS: Readonly<Record<string, (nops: string) => readonly string[]>> = {
  "loopstep --help": () => ["--help"],
  "loopstep verify nops": (nops) => ["verify", nops],
  "loopstep run nops": (nops) => ["run", nops, "--engine", "user", "--set", "reqs_to_run=1000"],
};

/** Node reads these at its start, whatever it is to do: tens of milliseconds where a machine has all of its own here. */
const { NODE_EXTRA_CA_CERTS: _, ...ENVIRONMENT } = process.env;

function processPeer(name: string, words: readonly string[]): Peer {
  const measure = (): number => {
    const start = process.hrtime.bigint();
    const { status, stderr } = spawnSync(process.execPath, words, { encoding: "utf8", env: ENVIRONMENT });
    if (status !== 0) throw new Error(`${name} failed: ${stderr}`);
    return Number(process.hrtime.bigint() - start);
  };
  return { name, measure };
}

/** The commands, each beside Node alone: what is left of its time is ours. */
function processes(root: string, nops: string): Question[] {
  const main = path.join(root, "dist/cli/main.js");
  return Object.entries(COMMANDS).map(([name, words]) => ({
    name,
    peers: [processPeer(NODE, ["-e", "0"]), processPeer(OURS, [main, ...words(nops)])],
  }));
}

/** Milliseconds from the file's name to a loop that ended, in an engine that is open, by parts. */
async function warmRun({ BpfObject }: Package, engine: Loopstep.Engine, file: string): Promise<Record<string, number>> {
  const marks = [performance.now()];
  const mark = (): unknown => marks.push(performance.now());
  const object = await BpfObject.open(file);
  mark();
  using ring = engine.createRing({
    entries: 8,
    cq_entries: 8,
    flags: ["SINGLE_ISSUER", "DEFER_TASKRUN", "NO_SQARRAY", "CQSIZE", "SQ_REWIND"],
  });
  object.bind(ring.params);
  object.bss["reqs_to_run"] = 1n;
  mark();
  using loaded = await engine.load(object);
  mark();
  loaded.attach(undefined, ring);
  mark();
  await ring.run();
  mark();
  const parts = ["open", "create the ring", "load", "attach", "run"];
  const times = parts.map((part, i): [string, number] => [part, marks[i + 1] - marks[i]]);
  return { ...Object.fromEntries(times), "open to end": marks[marks.length - 1] - marks[0] };
}

/** Medians of the parts, after one run that warms up. */
async function warmRuns(pkg: Package, file: string, rounds: number): Promise<Record<string, number>> {
  using engine = await pkg.openEngine("user");
  await warmRun(pkg, engine, file);
  const runs: Record<string, number>[] = [];
  for (let i = 0; i < rounds; i++) runs.push(await warmRun(pkg, engine, file));
  return Object.fromEntries(
    Object.keys(runs[0]).map((part) => [`warm process, ${part}, ms`, median(runs.map((run) => run[part]))]),
  );
}

/** The bench; `only` names some of the commands. Needs a build (dist/) and io_uring. */
export function startupBench(root: string, only?: readonly string[]): Bench {
  return {
    name: "startup",
    async run({ rounds }: Effort, progress): Promise<Report> {
      const pkg = (await import(pathToFileURL(path.join(root, "dist/index.js")).href)) as Package;
      const file = pkg.findProgram("nops")!.object;
      const tiny = rounds === 1;
      const effort: Effort = { rounds: tiny ? 1 : PROCESSES, forNs: 0 };
      const answers: Answer[] = [];
      for (const question of processes(root, file).filter(({ name }) => only === undefined || only.includes(name))) {
        const answer = interleave(question, effort);
        answers.push(answer);
        progress(
          `${answer.name}: ${Object.entries(answer.ns)
            .map(([peer, ns]) => `${peer} ${(ns / 1e6).toFixed(0)} ms`)
            .join(", ")}`,
        );
      }
      const figures = await warmRuns(pkg, file, tiny ? 1 : WARM_RUNS);
      return { bench: "startup", answers, baseline: NODE, ratios: ratiosTo(NODE, answers), skipped: [], figures };
    },
  };
}
