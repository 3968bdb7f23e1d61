// Running something under many schedules: seed after seed with one fault plan, until a run goes wrong; then the faults that
// struck are written down one by one, and those that are not needed are left out. Knows nothing of BPF.

import type { FaultPlan, FaultRule } from "../../uring/sim/index.ts";
import type { TraceEvent, TraceSink } from "../../uring/trace/index.ts";

/** What can go wrong in a run. */
export type ProblemKind = "hang" | "steps" | "fault" | "result" | "check" | "leak" | "error";

/** What went wrong, in a sentence. */
export interface Problem {
  readonly kind: ProblemKind;
  readonly message: string;
}

/** One run: its seed, its faults, and where its trace goes, if one is wanted. */
export interface RunSetup {
  readonly seed: number;
  readonly faults: FaultPlan;
  readonly trace?: TraceSink;
}

/** Runs once in a machine of its own; undefined when all was well. Must depend on nothing but `setup`. */
export type Scenario = (setup: RunSetup) => Promise<Problem | undefined>;

/** Options of explore(). */
export interface ExploreOptions {
  readonly firstSeed?: number;
  readonly seeds: number;
  readonly plan: FaultPlan;
  /** Stop after so many findings. Default 1. */
  readonly maxFindings?: number;
  /** Stop after so many milliseconds of the host's clock. */
  readonly budgetMs?: number;
  /** Attempts at making a plan smaller. Default 200. */
  readonly shrinkTries?: number;
  readonly onProgress?: (seedsDone: number, findings: number) => void;
}

/** A run that went wrong. */
export interface Finding {
  readonly seed: number;
  readonly problem: Problem;
  /** The faults that are needed, each said exactly; with the seed it shows the problem again. */
  readonly plan: FaultPlan;
  /** Trace of the run with that plan. */
  readonly trace: readonly TraceEvent[];
}

export interface ExploreReport {
  readonly seedsDone: number;
  readonly runs: number;
  readonly findings: readonly Finding[];
}

type FaultEvent = TraceEvent & { readonly ev: "fault" };

interface Run {
  readonly problem: Problem | undefined;
  readonly trace: readonly TraceEvent[];
}

/** Tries the seeds in order. */
export async function explore(scenario: Scenario, options: ExploreOptions): Promise<ExploreReport> {
  const { firstSeed = 1, seeds, plan, maxFindings = 1, budgetMs = Infinity, shrinkTries = 200 } = options;
  const started = performance.now();
  const findings: Finding[] = [];
  const counter = { runs: 0 };
  let seedsDone = 0;
  for (let seed = firstSeed; seed < firstSeed + seeds; seed++) {
    // nearly all runs go well, and their traces would be thrown away: the one that does not is run again
    counter.runs++;
    const problem = await scenario({ seed, faults: plan });
    seedsDone++;
    if (problem !== undefined) {
      const run = await runOnce(scenario, seed, plan, counter);
      findings.push(await shrink(scenario, seed, plan, run, shrinkTries, counter));
    }
    options.onProgress?.(seedsDone, findings.length);
    if (findings.length >= maxFindings || performance.now() - started > budgetMs) break;
  }
  return { seedsDone, runs: counter.runs, findings };
}

/** One run with its trace. */
async function runOnce(scenario: Scenario, seed: number, faults: FaultPlan, counter: { runs: number }): Promise<Run> {
  counter.runs++;
  const trace: TraceEvent[] = [];
  const problem = await scenario({ seed, faults, trace: (event) => trace.push(event) });
  return { problem, trace };
}

/** The rule that does again what a fault event tells. */
function exactly(rule: FaultRule, index: number, { nth, value }: FaultEvent): FaultRule {
  const which = { nth, id: rule.id ?? index, ...(rule.op === undefined ? {} : { op: rule.op }) };
  switch (rule.kind) {
    case "error":
      return { ...which, kind: "error", errno: value };
    case "short":
      return { ...which, kind: "short", bytes: [value, value] };
    case "latency":
      return { ...which, kind: "latency", ns: [value, value] };
    default:
      return { ...which, kind: rule.kind, ns: [value, value] };
  }
}

async function shrink(
  scenario: Scenario,
  seed: number,
  plan: FaultPlan,
  first: Run,
  tries: number,
  counter: { runs: number },
): Promise<Finding> {
  const { kind } = first.problem!;
  let best = { plan, run: first };
  let left = tries;
  /** Takes the plan over when it shows the same kind of problem. */
  const attempt = async (rules: readonly FaultRule[]): Promise<boolean> => {
    if (left-- <= 0) return false;
    const run = await runOnce(scenario, seed, { rules }, counter);
    if (run.problem?.kind !== kind) return false;
    best = { plan: { rules }, run };
    return true;
  };
  const struck = first.trace.filter((event): event is FaultEvent => event.ev === "fault");
  await attempt(struck.map((event) => exactly(plan.rules[event.rule], event.rule, event)));
  // Halves, then quarters, down to single rules; the first attempt is without any fault at all.
  for (let size = best.plan.rules.length; size >= 1; size = Math.floor(size / 2)) {
    for (let at = 0; at < best.plan.rules.length;) {
      const { rules } = best.plan;
      if (!(await attempt([...rules.slice(0, at), ...rules.slice(at + size)]))) at += size;
    }
  }
  return { seed, problem: best.run.problem!, plan: best.plan, trace: best.run.trace };
}
