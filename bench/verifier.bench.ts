// How fast is the verifier? The verdict on the ready-made programs, again and again and as the first thing a process does;
// instructions walked a second over programs of several shapes; and the refusal of a loop without end, after a million
// instructions, with the memory it takes. Times are processor time: the verifier waits for nothing.

import { spawnSync } from "node:child_process";
import path from "node:path";
import { fileURLToPath } from "node:url";
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
  type Skipped,
} from "./harness.ts";
import { readyProgram } from "./verifier/ready.ts";
import { programOf, SHAPES } from "./verifier/shapes.ts";

const OURS = "loopstep";
const PROGRAMS = ["nops", "cp"];
const COLD_RUNS = 9;
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

function inProcess(args: readonly string[]): ProcessAnswer {
  const file = fileURLToPath(new URL("verifier/process.js", import.meta.url));
  const { status, stdout, stderr } = spawnSync(process.execPath, [file, ...args], { encoding: "utf8" });
  if (status !== 0) throw new Error(`a process for one verdict ended with status ${status}: ${stderr}`);
  return JSON.parse(stdout) as ProcessAnswer;
}

function coldFigures(root: string, effort: Effort): Record<string, number> {
  const runs = effort.rounds === 1 ? 1 : COLD_RUNS;
  const figures: Record<string, number> = {};
  for (const name of PROGRAMS) {
    const answers = Array.from({ length: runs }, () => inProcess(["verdict", objectFile(root, name)]));
    figures[`first verdict of a process, ${name}, ms`] = median(answers.map(({ verdictMs }) => verdictMs));
    figures[`the same with loading and resolving, ${name}, ms`] = median(answers.map(({ ms }) => ms));
  }
  const endless = inProcess(["endless"]);
  figures["a million instructions, ms"] = endless.ms;
  figures["a million instructions, MiB resident"] = endless.residentKiB / 1024;
  return figures;
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
      const skipped: Skipped[] = [];
      // a process of its own needs this file compiled
      if (import.meta.url.endsWith(".ts")) skipped.push({ name: "first verdicts", reason: "not compiled" });
      else Object.assign(figures, coldFigures(root, effort));
      return { bench: "verifier", answers, baseline: OURS, ratios: { [OURS]: 1 }, skipped, figures };
    },
  };
}
