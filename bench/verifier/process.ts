// One verdict in a process of its own, for the benchmark of the verifier: `verdict FILE` says how long the first verdict took
// from the start of the process, with everything it loads; `endless` how long a refusal after a million instructions took,
// and how much memory was resident at most. Prints a line of JSON.

import { readFileSync } from "node:fs";
import { performance } from "node:perf_hooks";

interface Answer {
  readonly ms: number;
  readonly residentKiB: number;
  readonly error: string;
}

async function verdict(file: string): Promise<string> {
  const { BpfObject } = await import("../../src/bpf/object/index.ts");
  const { verify } = await import("../../src/bpf/verifier/index.ts");
  const { LOOP_STEP_TYPE, loopTargetBtf } = await import("../../src/loop/index.ts");
  const object = BpfObject.open(readFileSync(file));
  const program = object.resolve(object.programs[0].name, { target: loopTargetBtf() });
  return verify(program, { type: LOOP_STEP_TYPE }).error;
}

async function endless(): Promise<string> {
  const { verify } = await import("../../src/bpf/verifier/index.ts");
  const { ENDLESS, programOf } = await import("./shapes.ts");
  return verify(programOf(ENDLESS, 0)).error;
}

const [what = "", file = ""] = process.argv.slice(2);
const start = performance.now();
const error = await (what === "endless" ? endless() : verdict(file));
const answer: Answer = { ms: performance.now() - start, residentKiB: process.resourceUsage().maxRSS, error };
console.log(JSON.stringify(answer));
