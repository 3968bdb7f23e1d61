// `npm run diff -- verifier [seed] [count]`: random programs through the verifier here and through the running kernel's.
// Prints every difference, made small, as a fixture, then how many were accepted and why the others were not. A kernel older
// than 7.2 is asked for its verdict alone; what changed since is told apart (changed-since.ts). Options:
//   --log            compare whole logs of level 2 too (7.2 only)
//   --ranges         no kernel: hold what is claimed of registers against runs of the programs; with
//   --plain          programs of arithmetic, jumps, loops, stack and functions alone
//   --coverage       no kernel: how diverse the programs are
//   --brief          name the differences, do not make them small
//   --record FILE    only ask the kernel and write its answers down
//   --compare FILE   compare with such a file, on any machine: a slow guest with the right kernel need not run both
//   --seeds A,B,...  these programs
//   --again FILE     only ask the kernel, about the programs of such a file as testdata/verifier/linux-7.2.13.jsonl, and print
//                    it anew: answers and hashes of whole logs of level 2
//   --target FILE    BTF of the kernel that was asked; default: that of the running one

import { appendFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { release } from "node:os";
import { fnv1a } from "../../src/base/index.ts";
import { Btf } from "../../src/bpf/btf/index.ts";
import { decode, disasm, encode } from "../../src/bpf/isa/index.ts";
import { verify, type Verdict } from "../../src/bpf/verifier/index.ts";
import type { ResolvedProgram } from "../../src/bpf/object/index.ts";
import {
  answerOf,
  comparable,
  difference,
  logDifference,
  olderDifference,
  type Answer,
  type Difference,
} from "./compare.ts";
import { reasonOf } from "./changed-since.ts";
import { count, Coverage, table } from "./coverage.ts";
import { generate, generatePlain } from "./generate.ts";
import { LinuxVerifier } from "./linux.ts";
import { minimise } from "./minimise.ts";
import { checkRanges } from "./ranges.ts";
import { programOf } from "./world.ts";

const STATISTICS_LEVEL = 4;
const LOG_LEVEL = 2;
const PROGRESS = 10_000;
/** Findings of one kind that are named, the first of them made small; the others are counted. */
const SHOWN = 12;

const words = process.argv.slice(2);
const valueOf = (name: string): string | undefined => {
  const at = words.indexOf(name);
  return at < 0 ? undefined : words.splice(at, 2)[1];
};
const record = valueOf("--record");
const compare = valueOf("--compare");
const again = valueOf("--again");
const targetFile = valueOf("--target") ?? "/sys/kernel/btf/vmlinux";
const brief = words.includes("--brief");
const wantsLog = words.includes("--log");
const listed = valueOf("--seeds")?.split(",").map(Number);
const [first = 1, programs = listed?.length ?? 1000] = words.filter((word) => !word.startsWith("--")).map(Number);
const target = existsSync(targetFile) ? Btf.parse(readFileSync(targetFile)) : undefined;
const linux =
  compare === undefined && !["--ranges", "--coverage"].some((word) => words.includes(word))
    ? new LinuxVerifier()
    : undefined;
const [major = 0, minor = 0] = release().split(".").map(Number);
const older = compare === undefined && major * 100 + minor < 702;

/** Asked once more, with new maps, when no reason is given: it is none of the program's. */
function asked(program: ResolvedProgram): Answer {
  const ask = (): Answer => answerOf(linux!.verdict(program, STATISTICS_LEVEL));
  const answer = ask();
  if (answer.errno === 0 || answer.error !== "") return answer;
  linux!.forget();
  return ask();
}
const log = (program: ResolvedProgram): string => linux!.verdict(program, 1).log;
const ours = (program: ResolvedProgram, logLevel = 0): Verdict => verify(program, { logLevel });

function differs(program: ResolvedProgram, verdict: Verdict, answer: Answer): Difference | undefined {
  if (older) return olderDifference(program, verdict, answer, { ours, theirs: asked, log });
  const found = difference(verdict, answer);
  if (found !== undefined || !wantsLog || linux === undefined) return found;
  return logDifference(verify(program, { logLevel: LOG_LEVEL }), linux.verdict(program, LOG_LEVEL));
}

/** A reason without what is particular to one program. */
const kindOf = (text: string): string =>
  reasonOf(text)
    .replaceAll(/\bR\d+\b/g, "R")
    .replaceAll(/'[^']*'/g, "'..'");

const alike = (a: Difference | undefined, b: Difference): boolean =>
  a !== undefined && a.kind === b.kind && kindOf(a.what) === kindOf(b.what);

function show(program: ResolvedProgram, found: Difference): void {
  const same = (candidate: ResolvedProgram): boolean =>
    alike(differs(candidate, ours(candidate), asked(candidate)), found);
  const small = minimise(program, same);
  for (const line of disasm(small.insns)) console.log(`  ${line}`);
  const { type, sleepable, subprogs } = small;
  const insns = Buffer.from(encode(small.insns)).toString("hex");
  const starts = subprogs.map(({ start }) => start);
  const funcs = subprogs.some(({ type_id }) => type_id !== 0) ? subprogs.map(({ type_id }) => type_id) : undefined;
  console.log(JSON.stringify({ type, sleepable, insns, starts, funcs, ...asked(small) }));
}

interface Asked {
  readonly seed: number;
  readonly program: ResolvedProgram;
  readonly answer: Answer;
}

function* answers(): Generator<Asked> {
  if (compare === undefined) {
    for (let i = 0; i < programs; i++) {
      const seed = listed?.[i] ?? first + i;
      const program = generate(seed, target);
      yield { seed, program, answer: asked(program) };
    }
    return;
  }
  for (const line of readFileSync(compare, "utf8").trim().split("\n")) {
    const { seed, ...answer } = JSON.parse(line) as Answer & { seed: number };
    yield { seed, program: generate(seed, target), answer };
  }
}

function run(): void {
  const verdicts = new Map<string, number>();
  const reasons = new Map<string, number>();
  const differences = new Map<string, number>();
  let done = 0;
  for (const { seed, program, answer } of answers()) {
    if (++done % PROGRESS === 0) process.stderr.write(`${done} programs\n`);
    const verdict = ours(program);
    count(verdicts, answer.errno === 0 ? "accepted by Linux" : "rejected by Linux");
    if (answer.errno !== 0) count(reasons, kindOf(answer.error));
    const found = differs(program, verdict, answer);
    if (found === undefined) continue;
    const grouped = found.kind === "changed" || found.kind === "not modelled";
    count(differences, grouped ? `${found.kind}: ${found.what}` : found.kind);
    if (grouped) continue;
    const number = count(differences, `${found.kind}: ${kindOf(found.what)}`);
    if (number > SHOWN) continue;
    console.log(`seed ${seed}: ${found.kind}: ${found.what}`);
    if (linux !== undefined && number === 1 && !brief) show(program, found);
  }
  console.log(`\n${done} programs, Linux ${compare ?? release()}\n${table(verdicts)}`);
  console.log(`reasons of rejections:\n${table(reasons)}`);
  console.log(`differences:\n${table(differences)}`);
}

/** One line of the file for each of its programs. */
function askAgain(file: string): void {
  for (const line of readFileSync(file, "utf8").trim().split("\n")) {
    const { insns, starts } = JSON.parse(line) as { insns: string; starts: number[] };
    const program = programOf(decode(Buffer.from(insns, "hex")), starts);
    const { errno, log } = linux!.verdict(program, LOG_LEVEL);
    const text = comparable(log);
    const lines = text.filter((each) => each !== "");
    const log_fnv1a = fnv1a(new TextEncoder().encode(text.join("\n")))
      .toString(16)
      .padStart(8, "0");
    const error = errno === 0 ? "" : lines.at(-2);
    console.log(JSON.stringify({ insns, starts, errno, error, stats: lines.at(-1), log_fnv1a }));
  }
}

const RUNS = 4;

/** Holds what is claimed against runs; says what became of the programs. */
function runRanges(make: (seed: number) => ResolvedProgram): void {
  const outcomes = new Map<string, number>();
  for (let seed = first; seed < first + programs; seed++) {
    const outcome = checkRanges(make(seed), seed, RUNS);
    if (typeof outcome !== "string") console.log(outcome);
    count(outcomes, typeof outcome === "string" ? outcome : `violated: ${outcome.what}`);
    if ((seed - first + 1) % PROGRESS === 0) process.stderr.write(`${seed - first + 1} programs\n`);
  }
  console.log(`${programs} programs from seed ${first}, those accepted run ${RUNS} times each\n${table(outcomes)}`);
}

function runCoverage(): void {
  const coverage = new Coverage();
  for (let seed = first; seed < first + programs; seed++) coverage.add(generate(seed, target));
  console.log(String(coverage));
}

if (again !== undefined) askAgain(again);
else if (words.includes("--ranges"))
  runRanges(words.includes("--plain") ? generatePlain : (seed) => generate(seed, target));
else if (words.includes("--coverage")) runCoverage();
else if (record === undefined) run();
else {
  writeFileSync(record, "");
  let lines = "";
  for (const { seed, answer } of answers()) {
    lines += `${JSON.stringify({ seed, ...answer })}\n`;
    if (lines.length > 1 << 16) {
      appendFileSync(record, lines);
      lines = "";
    }
  }
  appendFileSync(record, lines);
}
