// A thread of `loopstep explore`: takes ranges of seeds, runs them, hands back what was found.

import { parentPort, workerData } from "node:worker_threads";
import { LoopstepError } from "../base/index.ts";
import { explore, type ExploreReport } from "../engine/sim/index.ts";
import { scenarioOf, type ExploreJob } from "./explore-job.ts";

/** Seeds from `first` on. */
export interface SeedRange {
  readonly first: number;
  readonly count: number;
}

/** What a thread says: its report of a range, or why it cannot go on. */
export type ExploreAnswer =
  | { readonly report: ExploreReport }
  | { readonly code: string; readonly message: string; readonly stack: string | undefined };

const port = parentPort!;
const job = workerData as ExploreJob;
const scenario = scenarioOf(job);

async function answer({ first, count }: SeedRange): Promise<ExploreAnswer> {
  try {
    const { plan, maxFindings } = job;
    return { report: await explore(scenario, { firstSeed: first, seeds: count, plan, maxFindings }) };
  } catch (error) {
    const { message, stack } = error instanceof Error ? error : new Error(String(error));
    return { code: error instanceof LoopstepError ? error.code : "", message, stack };
  }
}

port.on("message", (range: SeedRange) => void answer(range).then((said) => port.postMessage(said)));
