// One verdict in a process of its own, for the benchmark of the verifier, which puts this file together as dist/ is:
// `verdict FILE` says how long the first verdict of the process took, alone and with everything it loads; `endless` how long a
// refusal after a million instructions took, and how much memory was resident at most. Prints a line of JSON.

interface Answer {
  readonly ms: number;
  /** Of `ms`, what the verdict took once everything was loaded and the object resolved. */
  readonly verdictMs: number;
  readonly residentKiB: number;
  readonly error: string;
}

type Outcome = Pick<Answer, "error" | "verdictMs">;

async function verdict(file: string): Promise<Outcome> {
  const { verifyOrThrow } = await import("../../src/bpf/verifier/index.ts");
  const { LOOP_STEP_TYPE } = await import("../../src/loop/index.ts");
  const { readyProgram } = await import("./ready.ts");
  const program = readyProgram(file);
  const before = performance.now();
  const { error } = verifyOrThrow(program, { type: LOOP_STEP_TYPE });
  return { error, verdictMs: performance.now() - before };
}

async function endless(): Promise<Outcome> {
  const { verify } = await import("../../src/bpf/verifier/index.ts");
  const { ENDLESS, programOf } = await import("./shapes.ts");
  const program = programOf(ENDLESS, 0);
  const before = performance.now();
  const { error } = verify(program);
  return { error, verdictMs: performance.now() - before };
}

const [what = "", file = ""] = process.argv.slice(2);
const before = performance.now();
const outcome = await(what === "endless" ? endless() : verdict(file));
const answer: Answer = { ...outcome, ms: performance.now() - before, residentKiB: process.resourceUsage().maxRSS };
console.log(JSON.stringify(answer));
