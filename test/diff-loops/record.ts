// What the running kernel says of one object: loaded with its log and, when accepted, run in a ring.

import { readFileSync } from "node:fs";
import path from "node:path";
import { E2BIG, type LoopstepError } from "../../src/base/index.ts";
import { BpfObject, type ResolvedProgram } from "../../src/bpf/object/index.ts";
import { openEngine } from "../../src/engine/index.ts";
import { runningKernel } from "../../src/engine/kernel/kernel-config.ts";
import { vmlinuxBtf } from "../../src/engine/kernel/vmlinux.ts";
import type { Engine } from "../../src/loop/index.ts";
import { REMARK } from "../diff-verifier/compare.ts";
import { LinuxVerifier } from "../diff-verifier/linux.ts";
import type { Recorded } from "./recorded.ts";
import { runLoop } from "./run.ts";

/** The recorder's alarm. */
const ALARM_MS = 3000;
const STATS = 4;
const INSN = /^\d+: \([0-9a-f]{2}\)/;

/** The lines about the failing instruction: those after the last that shows an instruction, a source line or a state. */
function messagesOf(log: string): string[] {
  const lines = log.split("\n");
  const end = lines.findIndex((line) => /^processed \d+ insns/.test(line));
  const before = lines.slice(0, end < 0 ? undefined : end).filter((line) => line !== "" && !REMARK.test(line));
  const last = before.findLastIndex(
    (line) => INSN.test(line) || line.startsWith("; ") || /^(from )?\d+( to \d+)?: /.test(line),
  );
  return before.slice(last + 1);
}

const linux = new LinuxVerifier();
let engine: Engine | undefined;

/** Ends what recording needed. */
export function endRecording(): void {
  engine?.[Symbol.dispose]();
}

function verdictOf(
  program: ResolvedProgram,
): Pick<Recorded, "verdict" | "errno" | "error" | "messages" | "processed" | "stack_depth" | "log"> {
  // the log of the way costs time, and tells nothing of a program that is accepted
  const first = linux.verdict(program, STATS);
  // of one that is too large the log would be longer than any buffer
  const { errno, log } = [0, E2BIG].includes(first.errno) ? first : linux.verdict(program, 1 | STATS);
  const messages = errno === 0 ? [] : messagesOf(log);
  return {
    verdict: errno === 0 ? "accepted" : "rejected",
    errno,
    error: messages.at(-1) ?? "",
    messages,
    processed: Number(/^processed (\d+) insns/m.exec(log)?.[1] ?? 0),
    stack_depth: /^stack depth (.*)$/m.exec(log)?.[1] ?? "",
    ...(errno === 0 || errno === E2BIG
      ? {}
      : { log: log.replaceAll(/^(verification time|stack depth|insns processed) .*\n/gm, "") }),
  };
}

export async function recordLoop(folder: string, file: string): Promise<Recorded> {
  const [, program = "", mcpu = ""] = /^(.*)\.(v\d)\.bpf\.o$/.exec(file) ?? [];
  const source = `src/${program}.bpf.c`;
  const text = readFileSync(path.join(folder, source), "utf8");
  const why = /^ \* (.*)$/m.exec(text)?.[1] ?? "";
  const base = { program, why, mcpu, object: `obj/${file}`, source };
  const none = { section: "", insn_cnt: 0, errno: 0, error: "", messages: [], processed: 0, stack_depth: "" };
  try {
    const object = BpfObject.open(readFileSync(path.join(folder, base.object)));
    object.configure(runningKernel());
    const spec = object.programs.find(({ section }) => section.startsWith("struct_ops")) ?? object.programs[0];
    const resolved = object.resolve(spec.name, { target: vmlinuxBtf() });
    const facts = { ...base, section: spec.section, insn_cnt: resolved.insns.length };
    const verdict = { ...facts, ...verdictOf(resolved) };
    if (verdict.errno !== 0) return verdict;
    engine ??= await openEngine("kernel");
    try {
      return { ...verdict, ...(await runLoop(engine, object, ALARM_MS)) };
    } catch (error) {
      return { ...verdict, error: `run: ${(error as Error).message}` };
    }
  } catch (error) {
    const { code, message } = error as LoopstepError;
    return { ...base, ...none, verdict: "failed", error: `${code}: ${message}` };
  }
}
