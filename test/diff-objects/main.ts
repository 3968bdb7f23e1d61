// `npm run diff -- objects FILE...`: every program of BPF objects through the verifier here and through the running kernel's
// (7.2, as root); prints each difference, then how many of each kind. Programs of types that are not modelled are taken for
// loops when they call kfuncs, else for socket filters, so that objects written for other purposes serve as well. Options:
//   --log            compare whole logs of level 2 too, not only those of level 1 of rejected programs
//   --record         only ask the kernel: one JSON line a program on stdout, for
//   --compare FILE   which compares with such lines, on any machine (the guest of `npm run vm` is slow)
//   --target FILE    BTF of the kernel that was asked; default: that of the running one

import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { E2BIG, type LoopstepError } from "../../src/base/index.ts";
import { Btf } from "../../src/bpf/btf/index.ts";
import { BPF_PROG_TYPE_STRUCT_OPS, BpfObject, type ResolvedProgram } from "../../src/bpf/object/index.ts";
import { BPF_CALL, BPF_JMP, BPF_PSEUDO_KFUNC_CALL, type Insn } from "../../src/bpf/isa/index.ts";
import { programType, verify, type Verdict } from "../../src/bpf/verifier/index.ts";
import { LINUX_CONFIG, LOOP_STEP_TYPE } from "../../src/loop/index.ts";
import { answerOf, comparable, difference, type Answer } from "../diff-verifier/compare.ts";
import { LinuxVerifier } from "../diff-verifier/linux.ts";

const STATISTICS_LEVEL = 4;
const BPF_PROG_TYPE_SOCKET_FILTER = 1;

interface Asked extends Answer {
  readonly file: string;
  readonly program: string;
  /** Its log of `level`, where it is compared. */
  readonly level: number;
  readonly log: string;
}

const words = process.argv.slice(2);
const valueOf = (name: string): string | undefined => {
  const at = words.indexOf(name);
  return at < 0 ? undefined : words.splice(at, 2)[1];
};
const compare = valueOf("--compare");
const target = Btf.parse(readFileSync(valueOf("--target") ?? "/sys/kernel/btf/vmlinux"));
const recording = words.includes("--record");
const wholeLogs = words.includes("--log");
const files = words.filter((word) => !word.startsWith("--"));

const callsKfunc = (insn: Insn): boolean =>
  insn.code === (BPF_JMP | BPF_CALL) && insn.src_reg === BPF_PSEUDO_KFUNC_CALL;

/** The program as one of a type that is modelled. */
function asModelled(program: ResolvedProgram): ResolvedProgram {
  if (programType(program.type) !== undefined || program.type === BPF_PROG_TYPE_STRUCT_OPS) return program;
  const loop = program.insns.some(callsKfunc);
  return {
    ...program,
    type: loop ? BPF_PROG_TYPE_STRUCT_OPS : BPF_PROG_TYPE_SOCKET_FILTER,
    sleepable: loop && program.sleepable,
  };
}

/** A loop that returns memory crashes Linux 7.2.13. */
const crashes = (program: ResolvedProgram): boolean =>
  program.type === BPF_PROG_TYPE_STRUCT_OPS &&
  verify(program, { type: LOOP_STEP_TYPE }).error.includes("is not a known value");

/** All programs of a file, each as a type that is modelled; a sentence for one that cannot be resolved. */
function* programsOf(file: string): Generator<readonly [name: string, program: ResolvedProgram | string]> {
  let object: BpfObject;
  try {
    object = BpfObject.open(readFileSync(file));
    object.configure(LINUX_CONFIG);
  } catch (error) {
    yield ["*", (error as LoopstepError).message];
    return;
  }
  for (const { name } of object.programs) {
    try {
      yield [name, asModelled(object.resolve(name, { target }))];
    } catch (error) {
      yield [name, (error as LoopstepError).message];
    }
  }
}

function ask(linux: LinuxVerifier, program: ResolvedProgram): Omit<Asked, "file" | "program"> {
  const level = wholeLogs ? 2 : 1;
  try {
    const answer = answerOf(linux.verdict(program, STATISTICS_LEVEL));
    // the log of a program that is too large is longer than any buffer
    const wantsLog = (wholeLogs || answer.errno !== 0) && answer.errno !== E2BIG;
    return { ...answer, level, log: wantsLog ? linux.verdict(program, level).log : "" };
  } catch (error) {
    // its maps or its BTF were refused
    linux.forget();
    return { errno: -1, error: (error as Error).message, processed: 0, level, log: "" };
  }
}

function* askKernel(): Generator<Asked> {
  const linux = new LinuxVerifier();
  for (const file of files) {
    for (const [program, resolved] of programsOf(file)) {
      if (typeof resolved === "string") process.stderr.write(`${path.basename(file)} ${program}: ${resolved}\n`);
      else if (!crashes(resolved)) yield { file, program, ...ask(linux, resolved) };
    }
    linux.forget();
  }
}

const tally = new Map<string, number>();
function count(kind: string, text = ""): void {
  tally.set(kind, (tally.get(kind) ?? 0) + 1);
  if (text !== "") console.log(`${kind}: ${text}`);
}

function firstLine(ours: Verdict, theirs: string): string | undefined {
  const [a, b] = [comparable(ours.log), comparable(theirs)];
  const at = a.findIndex((line, i) => line !== b[i]);
  return at < 0 ? undefined : `line ${at}\n  here:  ${a[at]}\n  Linux: ${b[at]}`;
}

function compareProgram(asked: Asked, program: ResolvedProgram): void {
  const name = `${path.basename(asked.file, ".bpf.o")} ${asked.program}`;
  const type = programType(program.type) ?? LOOP_STEP_TYPE;
  const ours = verify(program, { type });
  if (asked.errno === -1) {
    count(
      ours.errno === 0 ? "accepted what cannot be loaded" : "cannot be loaded",
      `${name}: ${asked.error}; here ${ours.error}`,
    );
    return;
  }
  count(asked.errno === 0 ? "accepted by Linux" : "rejected by Linux");
  const found = difference(ours, asked);
  if (found !== undefined) return count(found.kind, `${name}: ${found.what}`);
  const shown = asked.level === 2 ? verify(program, { type, logLevel: 2 }) : ours;
  const line = asked.log === "" ? undefined : firstLine(shown, asked.log);
  if (line !== undefined) count("log", `${name}: ${line}`);
}

if (recording) {
  for (const asked of askKernel()) console.log(JSON.stringify(asked));
} else {
  const all: Iterable<Asked> =
    compare === undefined
      ? askKernel()
      : readFileSync(compare, "utf8")
          .trim()
          .split("\n")
          .map((line) => JSON.parse(line) as Asked);
  const resolved = new Map<string, ResolvedProgram | string>();
  const seen = new Set<string>();
  for (const asked of all) {
    if (!seen.has(asked.file)) {
      seen.add(asked.file);
      if (!existsSync(asked.file)) continue;
      for (const [name, program] of programsOf(asked.file)) {
        resolved.set(`${asked.file} ${name}`, program);
        if (typeof program === "string") count("not resolved", `${path.basename(asked.file)} ${name}: ${program}`);
      }
    }
    const program = resolved.get(`${asked.file} ${asked.program}`);
    if (program !== undefined && typeof program !== "string") compareProgram(asked, program);
  }
  console.log([...tally].map(([kind, number]) => `${number} ${kind}`).join("\n"));
}
