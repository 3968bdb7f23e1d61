// loopstep explore FILE: one program under many schedules in the simulator, until one goes wrong; then the fewest faults and
// the trace that show it.

import { availableParallelism } from "node:os";
import { compileCheck, type ExploreReport, type Finding } from "../../engine/sim/index.ts";
import type { FaultPlan } from "../../uring/sim/index.ts";
import { traceText } from "../../uring/trace/index.ts";
import type { Command, ParsedOptions } from "../command.ts";
import { UsageError } from "../errors.ts";
import { EXIT } from "../exit-status.ts";
import { exploreInThreads } from "../explore-pool.ts";
import { filesOf, scenarioOf, type ExploreJob } from "../explore-job.ts";
import { readFaultPlan } from "../fault-plan.ts";
import { toJson } from "../json.ts";
import { openNamed, readFileOrProgram } from "../locate.ts";
import { openProgress } from "../progress.ts";
import { ringOf } from "../ring-options.ts";
import { parseSetting } from "../settings.ts";
import { checkTraceFile, writeTrace } from "../trace-file.ts";
import { resultStream, TRACE_FORMATS, traceFormatOf } from "../trace-format.ts";

const DEFAULT_SEEDS = "1..1000";
const DEFAULT_STEPS = 100_000;
const MAX_INT = 2 ** 31 - 1;
const MAX_THREADS = 256;
/** Lines of a trace that are printed: its end, where things go wrong. */
const PRINTED = 60;

/** Where no plan is given: requests take their time, which reorders them, and sleepers wake for nothing. */
const DEFAULT_PLAN: FaultPlan = {
  rules: [
    { kind: "latency", ns: [0, 50_000], chance: 0.5 },
    { kind: "spurious", chance: 0.05 },
  ],
};

interface Seeds {
  readonly first: number;
  readonly last: number;
}

export const exploreCommand: Command = {
  name: "explore",
  usage: "loopstep explore FILE|PROGRAM [OPTION...]",
  words: [1, 1],
  options: {
    seeds: { value: "A..B", help: `the seeds to try (default ${DEFAULT_SEEDS})` },
    faults: { value: "PLAN.json", help: "what may go wrong (default: latencies and spurious wake-ups)" },
    check: { value: "EXPR", help: "what must hold afterwards, over globals and files" },
    set: { value: "NAME=VALUE", many: true, help: "a global, as in run; files are copies in memory" },
    ops: { value: "NAME", help: "the struct_ops map to attach, when there are several" },
    entries: { value: "N", help: "submission queue entries (default 8)" },
    "cq-entries": { value: "N", help: "completion queue entries (default as many)" },
    setup: { value: "FLAG,FLAG", help: "setup flags (default as in run)" },
    "no-bind": { help: "leave globals named like ring parameters alone" },
    steps: { value: "N", help: `a run of more steps is taken for endless (default ${DEFAULT_STEPS})` },
    "may-fail": { help: "a loop that ends with an error is no finding, as long as the check holds" },
    "may-leak": { help: "requests in flight after the loop stopped are no finding" },
    findings: { value: "N", help: "stop after so many (default 1)" },
    jobs: { value: "N", help: "threads (default: one a processor)" },
    trace: { value: "FILE", help: "write the trace of the first finding there; - is stdout" },
    "trace-format": { value: "NAME", help: `${TRACE_FORMATS.join(", ")} (default jsonl)` },
    json: { help: "print one JSON object" },
  },
  notes: [
    "Found are: a loop that sleeps for ever, that never stops, that faults, that ends with an error, after which the check does",
    "not hold, or that leaves requests behind. Each is shown with its seed and the fewest faults that make it happen.",
    'EXPR is C over integers: reqs_done == 1000, result < 0 || file("TO") == file("FROM"), size("TO") > 0, exists("TO").',
    "loopstep run FILE --engine sim --seed N --faults PLAN.json shows a finding again, over real files.",
    "--trace FILE and --json have the whole trace. Fault plans and traces: docs/trace-format.md. Exit status: 0 nothing was found; 1 something was; 2 bad usage; 3 the",
    "verifier rejected the program; 4 not supported.",
  ],
  async run(options) {
    const seeds = seedsOf(options.text("seeds") ?? DEFAULT_SEEDS);
    const output = resultStream(options);
    const file = options.text("trace");
    const format = traceFormatOf(options.text("trace-format"), file);
    if (file !== undefined) checkTraceFile(file);
    const threads = options.integer("jobs", 1, MAX_THREADS) ?? availableParallelism();
    const job = await jobOf(options);
    // Whatever is wrong with the program, the settings or the check shows in any run: here, as an error of its own.
    await scenarioOf(job)({ seed: seeds.first, faults: job.plan });
    const started = performance.now();
    const report = await exploreShown(job, seeds, threads, options.flag("json"));
    const wallNs = Math.round((performance.now() - started) * 1e6);
    const [finding] = report.findings;
    if (file !== undefined && finding !== undefined) writeTrace(file, format, finding.trace);
    output.write(
      options.flag("json")
        ? `${toJson({ schemaVersion: 1, seeds: [seeds.first, seeds.last], ...report, wallNs })}\n`
        : textOf(report, seeds, wallNs),
    );
    return finding === undefined ? EXIT.ok : EXIT.failed;
  },
};

async function exploreShown(job: ExploreJob, seeds: Seeds, threads: number, silent: boolean): Promise<ExploreReport> {
  using progress = openProgress(process.stderr, silent);
  const all = seeds.last - seeds.first + 1;
  return await exploreInThreads(job, seeds, threads, (done, found) =>
    progress.update(`${done.toLocaleString("en")} of ${all.toLocaleString("en")} seeds, ${found} found`),
  );
}

async function jobOf(options: ParsedOptions): Promise<ExploreJob> {
  const [name = ""] = options.positionals;
  const bytes = await readFileOrProgram(name);
  const object = await openNamed(name, bytes);
  const settings = options.list("set").map(parseSetting);
  object.chooseStructOps(options.text("ops"));
  for (const setting of settings) object.values.spec(setting.name);
  const check = options.text("check");
  if (check !== undefined) compileCheck(check);
  const faults = options.text("faults");
  return {
    object: bytes,
    name,
    ops: options.text("ops"),
    ring: ringOf(options),
    bind: !options.flag("no-bind"),
    settings,
    files: filesOf(settings),
    plan: faults === undefined ? DEFAULT_PLAN : readFaultPlan(faults),
    check,
    maxSteps: options.integer("steps", 1, MAX_INT) ?? DEFAULT_STEPS,
    mayFail: options.flag("may-fail"),
    leaks: !options.flag("may-leak"),
    maxFindings: options.integer("findings", 1, MAX_INT) ?? 1,
  };
}

function seedsOf(text: string): Seeds {
  const match = /^(\d+)(?:\.\.(\d+))?$/.exec(text);
  const first = Number(match?.[1]);
  const last = Number(match?.[2] ?? match?.[1]);
  if (match !== null && first <= last && last <= Number.MAX_SAFE_INTEGER) return { first, last };
  throw new UsageError("USAGE_VALUE", {
    where: `--seeds ${text}`,
    message: "not a range of seeds",
    expected: "A..B with A no larger than B, or one seed",
  });
}

function textOf({ seedsDone, runs, findings }: ExploreReport, { first, last }: Seeds, wallNs: number): string {
  const seconds = (wallNs / 1e9).toFixed(1);
  const done = seedsDone.toLocaleString("en");
  const summary = `${done} seeds of ${first}..${last}, ${runs.toLocaleString("en")} runs, ${seconds} s: `;
  const found = findings.length === 0 ? "nothing found" : `${findings.length} found`;
  return [...findings.map(findingText), `${summary}${found}\n`].join("\n");
}

function findingText({ seed, problem, plan, trace }: Finding): string {
  const lines = traceText(trace);
  const left = Math.max(0, lines.length - PRINTED);
  return [
    `seed ${seed}: ${problem.kind}: ${problem.message}`,
    `faults needed: ${plan.rules.length}`,
    `  ${JSON.stringify(plan)}`,
    `trace: ${trace.length} events, in us${left === 0 ? "" : `; the last ${PRINTED} lines of ${lines.length}`}`,
    ...lines.slice(left),
    "",
  ].join("\n");
}
