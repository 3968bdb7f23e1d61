// From the kernel's verifier log to an error: the log ends with the reason, preceded by the instructions that led there.

import { errnoName, LoopstepError } from "../../base/index.ts";
import { CORE_POISON } from "../../bpf/btf/index.ts";
import { KFUNC_POISON } from "../../bpf/object/index.ts";

/** Lines that say how much work it was, not what was wrong. */
const STATISTICS = /^(processed \d+ insns|verification time|stack depth|max_states|insns processed)/;
/** `; source text @ file.c:12` */
const SOURCE = /^; (.*?)(?: @ (\S+:\d+))?$/;
/** `12: (85) call ...` */
const INSN = /^(\d+): \([0-9a-f]{2}\) /;
const SHOWN = 12;

/** `invalid func unknown#195896080` */
const POISONED = /invalid func unknown#(\d+)/g;

/**
 * Calls that resolving has put in place of what the kernel lacks are told as what they are, in libbpf's words. `kfuncs`:
 * the object's externs by index.
 */
export function explainPoison(log: string, kfuncs: readonly string[]): string {
  return log.replaceAll(POISONED, (whole, number: string) => {
    const id = Number(number);
    if (id === CORE_POISON) return "failed to resolve CO-RE relocation";
    const name = kfuncs[id - KFUNC_POISON];
    return name === undefined ? whole : `kfunc '${name}' is referenced but wasn't resolved`;
  });
}

/** What the log says, in short. */
export interface LogSummary {
  /** The reason: the last line that is neither state nor statistics. */
  readonly reason: string;
  /** The last lines that are of use. */
  readonly tail: readonly string[];
  /** `file.c:12: source text`, when there is line info. */
  readonly source: string | undefined;
  readonly insn: number | undefined;
}

/** Sums up a verifier log. */
export function summarizeLog(log: string): LogSummary {
  const lines = log
    .split("\n")
    .map((line) => line.trimEnd())
    .filter((line) => line !== "" && !STATISTICS.test(line));
  const source = lines.findLast((line) => SOURCE.test(line));
  const insn = lines.findLast((line) => INSN.test(line));
  const [, text, place] = (source && SOURCE.exec(source)) || [];
  return {
    reason: lines.at(-1) ?? "the kernel gave no reason",
    tail: lines.slice(-SHOWN),
    source: text === undefined ? undefined : place ? `${place}: ${text}` : text,
    insn: insn === undefined ? undefined : Number(INSN.exec(insn)![1]),
  };
}

/** The error for a program Linux refused. The whole log is in `log`. */
export class KernelRejection extends LoopstepError<"VERIFIER_REJECTED"> {
  /** Negative errno of BPF_PROG_LOAD. */
  readonly errno: number;
  readonly log: string;

  constructor(program: string, errno: number, log: string) {
    const { reason, tail, source, insn } = summarizeLog(log);
    const place = [`program ${program}`, insn === undefined ? "" : `insn ${insn}`, source ?? ""]
      .filter(Boolean)
      .join(", ");
    super("VERIFIER_REJECTED", {
      message: `the kernel's verifier: ${reason}`,
      found: errnoName(errno),
      where: place,
      remedy: `The end of its log:\n${tail.map((line) => `  ${line}`).join("\n")}`,
    });
    this.errno = errno;
    this.log = log;
  }
}
