// One verdict in a process of its own, for the benchmark of the verifier: `verdict FILE` says how long the first verdict took
// a process, with everything it loads, in processor time; `endless` how long a refusal after a million instructions took,
// and how much memory was resident at most. Prints a line of JSON.

interface Answer {
  readonly ms: number;
  readonly residentKiB: number;
  readonly error: string;
}

async function verdict(file: string): Promise<string> {
  const { verifyOrThrow } = await import("../../src/bpf/verifier/index.ts");
  const { LOOP_STEP_TYPE } = await import("../../src/loop/index.ts");
  const { readyProgram } = await import("./ready.ts");
  return verifyOrThrow(readyProgram(file), { type: LOOP_STEP_TYPE }).error;
}

async function endless(): Promise<string> {
  const { verify } = await import("../../src/bpf/verifier/index.ts");
  const { ENDLESS, programOf } = await import("./shapes.ts");
  return verify(programOf(ENDLESS, 0)).error;
}

const [what = "", file = ""] = process.argv.slice(2);
const before = process.cpuUsage();
const error = await(what === "endless" ? endless() : verdict(file));
const { user, system } = process.cpuUsage(before);
const answer: Answer = { ms: (user + system) / 1000, residentKiB: process.resourceUsage().maxRSS, error };
console.log(JSON.stringify(answer));
