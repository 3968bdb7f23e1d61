// How every benchmark here is run: the peers of one question take turns in one process run, round after round, so that a
// slow minute of the machine is slow for all of them; what is compared are medians, and what is kept are ratios, with the
// machine and the commit.

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { arch, cpus, hostname, platform, release, totalmem } from "node:os";
import path from "node:path";

/** One of the things compared. */
export interface Peer {
  readonly name: string;
  /** Nanoseconds one operation took, measured over about `forNs` nanoseconds. */
  readonly measure: (forNs: number) => number;
}

/** A peer that cannot take part, and why. */
export interface Skipped {
  readonly name: string;
  readonly reason: string;
}

/** One row of a benchmark: the same work done by several peers. */
export interface Question {
  readonly name: string;
  readonly peers: readonly Peer[];
}

/** Medians of one question, nanoseconds an operation by peer. */
export interface Answer {
  readonly name: string;
  readonly ns: Readonly<Record<string, number>>;
  /** The least of each, which a busy machine disturbs less. */
  readonly best?: Readonly<Record<string, number>>;
}

/** How long to measure. */
export interface Effort {
  readonly rounds: number;
  readonly forNs: number;
}

/** What a benchmark gives back. */
export interface Report {
  readonly bench: string;
  readonly answers: readonly Answer[];
  /** The peer others are compared with. */
  readonly baseline: string;
  /** Geometric means over all questions, relative to the baseline: of medians, and of the least times. */
  readonly ratios: Readonly<Record<string, number>>;
  readonly bestRatios?: Readonly<Record<string, number>>;
  readonly skipped: readonly Skipped[];
  /** Further figures by name, in their own units. */
  readonly figures: Readonly<Record<string, number>>;
}

/** A benchmark: `npm run bench -- NAME`. */
export interface Bench {
  readonly name: string;
  run(effort: Effort, progress: (line: string) => void): Promise<Report>;
}

/** A run that proves no more than that the benchmark works. */
export const TINY: Effort = { rounds: 1, forNs: 1e5 };
/** Many short turns: the medians settle, and some turns of each peer are left alone by everything else on the machine. */
export const FULL: Effort = { rounds: 60, forNs: 3e6 };

/** The middle of the values, or the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** The geometric mean of positive values. */
export function geometricMean(values: readonly number[]): number {
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
}

/** Nanoseconds on a clock. */
export type Clock = () => number;

/** The time of day: what a user waits. */
const wallClock: Clock = () => Number(process.hrtime.bigint());

/** Processor time of this process: what is left of the above when others want the processor too. */
export const cpuClock: Clock = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) * 1e3;
};

/** Times calls of `work` over about `forNs` nanoseconds. */
export function timeCalls(work: () => void, forNs: number, clock: Clock = wallClock): number {
  let calls = 1;
  for (;;) {
    const start = clock();
    for (let i = 0; i < calls; i++) work();
    const took = clock() - start;
    if (took >= forNs || calls >= 1e9) return took / calls;
    calls = Math.max(calls + 1, Math.ceil(calls * Math.min(10, (1.1 * forNs) / Math.max(took, 1))));
  }
}

/** Runs a peer until it gets no faster: an engine's optimising compiler takes over after some calls, and some time. */
export function warmUp(peer: Peer, { rounds, forNs }: Effort): Peer {
  if (rounds === 1) return peer;
  let best = Number.POSITIVE_INFINITY;
  for (let since = 0, turn = 0; since < 40 && turn < 1000; since++, turn++) {
    const ns = peer.measure(forNs);
    if (ns < best * 0.97) since = 0;
    best = Math.min(best, ns);
  }
  return peer;
}

/** Lets the peers take turns; the one that begins changes with the round. */
export function interleave({ name, peers }: Question, { rounds, forNs }: Effort): Required<Answer> {
  const times = new Map<string, number[]>(peers.map((peer) => [peer.name, []]));
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < peers.length; turn++) {
      const peer = peers[(turn + round) % peers.length];
      times.get(peer.name)!.push(peer.measure(forNs));
    }
  }
  const summary = (of: (list: readonly number[]) => number): Record<string, number> =>
    Object.fromEntries([...times].map(([peer, list]) => [peer, of(list)]));
  return { name, ns: summary(median), best: summary((list) => Math.min(...list)) };
}

/** Geometric means of each peer's time relative to the baseline's, over the questions both answered. */
export function ratiosTo(
  baseline: string,
  answers: readonly Answer[],
  of: "ns" | "best" = "ns",
): Record<string, number> {
  const times = answers.map((answer) => answer[of] ?? answer.ns);
  const ratios: Record<string, number> = {};
  for (const name of new Set(times.flatMap((ns) => Object.keys(ns)))) {
    const both = times.filter((ns) => ns[name] !== undefined && ns[baseline] !== undefined);
    if (both.length > 0) ratios[name] = geometricMean(both.map((ns) => ns[name] / ns[baseline]));
  }
  return ratios;
}

/** The report as a table in plain text. */
export function render({ answers, baseline, ratios, bestRatios, skipped, figures }: Report): string {
  const names = Object.keys(ratios);
  const cell = (answer: Answer, name: string): string => {
    const ns = answer.ns[name];
    if (ns === undefined) return "-";
    const ratio = answer.ns[baseline] === undefined ? "" : ` (${(ns / answer.ns[baseline]).toFixed(2)})`;
    return `${ns >= 1e4 ? `${(ns / 1e3).toFixed(1)} us` : `${ns.toFixed(1)} ns`}${ratio}`;
  };
  const rows = [
    ["", ...names],
    ...answers.map((answer) => [answer.name, ...names.map((name) => cell(answer, name))]),
    [`geometric mean / ${baseline}`, ...names.map((name) => ratios[name].toFixed(3))],
    ...(bestRatios ? [["  of the least times", ...names.map((name) => bestRatios[name].toFixed(3))]] : []),
  ];
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const lines = rows.map((row) =>
    row.map((text, column) => (column === 0 ? text.padEnd(widths[0]) : text.padStart(widths[column]))).join("  "),
  );
  for (const [name, value] of Object.entries(figures))
    lines.push(`${name}: ${Number.isInteger(value) ? value : value.toFixed(3)}`);
  for (const { name, reason } of skipped) lines.push(`skipped ${name}: ${reason}`);
  return lines.join("\n");
}

function git(root: string, ...args: string[]): string {
  try {
    return execFileSync("git", args, { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  } catch {
    return "";
  }
}

/** Where and from what a result came; the host's name only as a hash. */
function provenance(root: string): Record<string, unknown> {
  const commit = git(root, "rev-parse", "--short=12", "HEAD");
  return {
    date: new Date().toISOString(),
    host: createHash("sha256").update(hostname()).digest("hex").slice(0, 8),
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${platform()} ${release()} ${arch()}`,
    node: process.version,
    v8: process.versions.v8,
    commit: commit === "" ? "unknown" : commit,
    changed: git(root, "status", "--porcelain", "--untracked-files=no", "--", "src", "bench", "testdata") !== "",
  };
}

/** Adds a report to `bench/results/<date>-<host>.json`, a list of all runs of that day, and gives the file's name. */
export function record(root: string, report: Report, effort: Effort): string {
  const facts = provenance(root);
  const name = `${String(facts["date"]).slice(0, 10)}-${String(facts["host"])}.json`;
  const file = path.join(root, "bench", "results", name);
  mkdirSync(path.dirname(file), { recursive: true });
  let runs: unknown[] = [];
  try {
    runs = JSON.parse(readFileSync(file, "utf8")) as unknown[];
  } catch {
    // The first run of the day.
  }
  runs.push({ ...facts, effort, ...report });
  writeFileSync(file, `${JSON.stringify(runs, undefined, 1)}\n`);
  return `bench/results/${name}`;
}
