// How fast is the verifier? The verdict on the ready-made programs, again and again and as the first thing a process does;
// instructions walked a second over programs of several shapes; and the refusal of a loop without end, after a million
// instructions, with the memory it takes. Times are processor time, because the verifier waits for nothing, but in processes
// of their own, where they are what a user waits.

import { spawnSync } from "node:child_process";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { verify, verifyOrThrow } from "../src/bpf/verifier/index.ts";
import { LOOP_STEP_TYPE } from "../src/loop/index.ts";
import {
  cpuClock,
  interleave,
  median,
  timeCalls,
  warmUp,
  type Answer,
  type Bench,
  type Effort,
  type Report,
} from "./harness.ts";
import { readyProgram } from "./verifier/ready.ts";
import { programOf, SHAPES } from "./verifier/shapes.ts";

const OURS = "loopstep";
const PROGRAMS = ["nops", "cp"];
/** Processes a program. */
const COLD_RUNS = 15;
/** Turns of a shape: one walk takes long enough to be timed alone. */
const SHAPE_ROUNDS = 5;
/** Below 8192 jumps, the most that may wait. */
const SHAPE_SIZE = 40_000;
const TINY_SIZE = 600;

const objectFile = (root: string, name: string): string => path.join(root, `src/programs/${name}/${name}.bpf.o`);

function warmVerdict(root: string, name: string, effort: Effort): Answer {
  const program = readyProgram(objectFile(root, name));
  const once = (): void => void verifyOrThrow(program, { type: LOOP_STEP_TYPE });
  const peer = { name: OURS, measure: (forNs: number) => timeCalls(once, forNs, cpuClock) };
  return interleave({ name: `verdict on ${name}`, peers: [warmUp(peer, effort)] }, effort);
}

/** Nanoseconds for each instruction walked. */
function walk(shape: (typeof SHAPES)[number], effort: Effort): Answer {
  const tiny = effort.rounds === 1;
  const program = programOf(shape, tiny ? TINY_SIZE : SHAPE_SIZE);
  const { errno, error, processed } = verify(program);
  if (errno !== 0) throw new Error(`the shape "${shape.name}" is refused: ${error}`);
  const measure = (): number => {
    const start = cpuClock();
    verify(program);
    return (cpuClock() - start) / processed;
  };
  const rounds = tiny ? 1 : SHAPE_ROUNDS;
  return interleave({ name: `an instruction, ${shape.name}`, peers: [{ name: OURS, measure }] }, { ...effort, rounds });
}

interface ProcessAnswer {
  readonly ms: number;
  readonly verdictMs: number;
  readonly residentKiB: number;
}

interface Builder {
  codeForCalls(input: Record<string, string>, dir: string, commands: string[][]): Promise<void>;
}

/** Puts `process.ts` together as `npm run build` does, and gives the file. */
async function builtProcess(root: string): Promise<string> {
  const { codeForCalls } = (await import(pathToFileURL(path.join(root, "scripts/build.mjs")).href)) as Builder;
  const dir = path.join(root, ".cache/bench-verifier");
  const commands = PROGRAMS.map((name) => ["process.js", "verdict", objectFile(root, name)]);
  await codeForCalls({ process: "bench/verifier/process.ts" }, dir, commands);
  return path.join(dir, "process.js");
}

/** Node reads these at its start. */
const { NODE_EXTRA_CA_CERTS: _, ...ENVIRONMENT } = process.env;

function inProcess(file: string, args: readonly string[]): ProcessAnswer {
  const { status, stdout, stderr } = spawnSync(process.execPath, [file, ...args], {
    encoding: "utf8",
    env: ENVIRONMENT,
  });
  if (status !== 0) throw new Error(`a process for one verdict ended with status ${status}: ${stderr}`);
  return JSON.parse(stdout) as ProcessAnswer;
}

/** The programs take turns. */
function firstVerdicts(root: string, file: string, runs: number): Record<string, number> {
  const answers = Array.from({ length: runs }, () =>
    PROGRAMS.map((name) => inProcess(file, ["verdict", objectFile(root, name)])),
  );
  const figures: Record<string, number> = {};
  PROGRAMS.forEach((name, i) => {
    const alone = answers.map((round) => round[i].verdictMs);
    const whole = answers.map((round) => round[i].ms);
    figures[`first verdict of a process, ${name}, ms`] = median(alone);
    figures[`first verdict of a process, ${name}, least, ms`] = Math.min(...alone);
    figures[`the same with loading and resolving, ${name}, ms`] = median(whole);
    figures[`the same with loading and resolving, ${name}, least, ms`] = Math.min(...whole);
  });
  return figures;
}

async function coldFigures(root: string, effort: Effort): Promise<Record<string, number>> {
  const file = await builtProcess(root);
  const endless = inProcess(file, ["endless"]);
  return {
    ...firstVerdicts(root, file, effort.rounds === 1 ? 1 : COLD_RUNS),
    "a million instructions, ms": endless.ms,
    "a million instructions, MiB resident": endless.residentKiB / 1024,
  };
}

/** `npm run bench -- verifier`; `only` names shapes. */
export function verifierBench(root: string, only?: readonly string[]): Bench {
  return {
    name: "verifier",
    async run(effort, progress): Promise<Report> {
      const answers: Answer[] = [];
      for (const name of PROGRAMS) {
        progress(`the verdict on ${name}`);
        answers.push(warmVerdict(root, name, effort));
      }
      const figures: Record<string, number> = {};
      for (const shape of SHAPES.filter(({ name }) => only?.includes(name) ?? true)) {
        progress(`instructions: ${shape.name}`);
        const answer = walk(shape, effort);
        answers.push(answer);
        figures[`instructions a second, ${shape.name}`] = Math.round(1e9 / answer.ns[OURS]);
      }
      progress("processes of their own");
      Object.assign(figures, await coldFigures(root, effort));
      return { bench: "verifier", answers, baseline: OURS, ratios: { [OURS]: 1 }, skipped: [], figures };
    },
  };
}
