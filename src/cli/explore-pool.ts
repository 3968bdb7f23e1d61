// Seeds shared out among threads. Ranges are given out in rising order and every range given out is finished, so that what is
// reported are the findings of the lowest seeds, whatever the number of threads.

import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { LoopstepError } from "../base/index.ts";
import { workerUrl } from "../engine/worker-url.ts";
import type { ExploreReport, Finding } from "../engine/sim/index.ts";
import type { ExploreJob } from "./explore-job.ts";
import type { ExploreAnswer, SeedRange } from "./explore-worker.ts";

/** Few enough that threads end at about the same time, and that little is run beyond a finding. */
const SEEDS_AT_ONCE = 10;

/** An error of a thread, which kept its message and code. */
class ExploreError extends LoopstepError {}

/** Runs seeds `first` to `last`, both included. */
export async function exploreInThreads(
  job: ExploreJob,
  { first, last }: { readonly first: number; readonly last: number },
  threads: number,
  onProgress: (seedsDone: number, findings: number) => void,
): Promise<ExploreReport> {
  const findings: Finding[] = [];
  let next = first;
  let seedsDone = 0;
  let runs = 0;
  const nextRange = (): SeedRange | undefined => {
    if (next > last || findings.length >= job.maxFindings) return undefined;
    const range = { first: next, count: Math.min(SEEDS_AT_ONCE, last - next + 1) };
    next += range.count;
    return range;
  };
  const workers: Worker[] = [];
  const work = async (): Promise<void> => {
    const worker = new Worker(workerUrl("cli/explore-worker"), { workerData: job });
    workers.push(worker);
    for (let range = nextRange(); range !== undefined; range = nextRange()) {
      worker.postMessage(range);
      const [said] = (await once(worker, "message")) as [ExploreAnswer];
      if (!("report" in said)) throw errorOf(said);
      seedsDone += said.report.seedsDone;
      runs += said.report.runs;
      findings.push(...said.report.findings);
      onProgress(seedsDone, findings.length);
    }
  };
  const needed = Math.min(threads, Math.ceil((last - first + 1) / SEEDS_AT_ONCE));
  try {
    await Promise.all(Array.from({ length: needed }, work));
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
  const lowest = findings.toSorted((a, b) => a.seed - b.seed).slice(0, job.maxFindings);
  return { seedsDone, runs, findings: lowest };
}

function errorOf({ code, message, stack }: Exclude<ExploreAnswer, { report: ExploreReport }>): Error {
  if (code !== "") return new ExploreError(code, { message });
  return Object.assign(new Error(message), { stack });
}
