// Two verdicts of one program: the first difference, without what cannot be equal.

import type { ResolvedProgram } from "../../src/bpf/object/index.ts";
import type { Verdict } from "../../src/bpf/verifier/index.ts";
import { agree, changedSince, type Judges } from "./changed-since.ts";
import type { LinuxVerdict } from "./linux.ts";

/** The lines of a log; kernel addresses and times differ from run to run. */
export function comparable(log: string): readonly string[] {
  return log
    .replaceAll(/(\(18\) r\d+ = )0x[0-9a-f]+ */g, "$1X ")
    .replaceAll(/verification time \d+ usec/g, "verification time 0 usec")
    .split("\n");
}

/** The part of a kernel's answer that is compared when logs are not. */
export interface Answer {
  readonly errno: number;
  /** The line that names the reason; "" when accepted. */
  readonly error: string;
  /** Instructions walked. */
  readonly processed: number;
}

/** Lines of a log that are neither the way nor the reason: a source line may follow the reason. */
export const REMARK: RegExp =
  /^(; |verification time|stack depth|insns processed|processed \d+ insns|Func#\d+ |cur state:|old state:)/;

/** The answer in a log of level 4 or 1. */
export function answerOf({ errno, log }: LinuxVerdict): Answer {
  const processed = Number(/^processed (\d+) insns/m.exec(log)?.[1] ?? 0);
  const lines = log.split("\n").filter((line) => line !== "" && !REMARK.test(line));
  return { errno, error: errno === 0 ? "" : (lines.at(-1) ?? ""), processed };
}

/** A difference in words, or undefined. `kind` tells the grave ones from the others. */
export interface Difference {
  readonly kind:
    | "false accept"
    | "false reject"
    | "errno"
    | "reason"
    | "processed"
    | "log"
    | "changed"
    | "not modelled";
  readonly what: string;
}

const EOPNOTSUPP = 95;

function verdictDifference(ours: Verdict, theirs: Answer): Difference | undefined {
  if (ours.errno === theirs.errno) return undefined;
  const what = `errno ${ours.errno} (${ours.error}) here, ${theirs.errno} in Linux (${theirs.error})`;
  if (ours.errno === EOPNOTSUPP && ours.error.endsWith("not modelled"))
    return { kind: "not modelled", what: ours.error };
  if (theirs.errno === 0) return { kind: "false reject", what };
  return { kind: ours.errno === 0 ? "false accept" : "errno", what };
}

/** With Linux 7.2: verdict, errno, reason and the instructions walked must be the same. */
export function difference(ours: Verdict, theirs: Answer): Difference | undefined {
  const verdict = verdictDifference(ours, theirs);
  if (verdict !== undefined) return verdict;
  if (ours.errno !== 0 && ours.error !== theirs.error) {
    return { kind: "reason", what: `"${ours.error}" here, "${theirs.error}" in Linux` };
  }
  if (ours.processed === theirs.processed) return undefined;
  return { kind: "processed", what: `${ours.processed} instructions walked here, ${theirs.processed} in Linux` };
}

/** With an older Linux: verdict and reason must be the same, unless taking back what changed since makes them so. */
export function olderDifference(
  program: ResolvedProgram,
  ours: Verdict,
  theirs: Answer,
  judges: Judges,
): Difference | undefined {
  if (agree(ours, theirs)) return undefined;
  const why = changedSince(program, ours, theirs, judges);
  if (why !== undefined) return { kind: "changed", what: why };
  const found = verdictDifference(ours, theirs);
  if (found !== undefined && found.kind !== "errno") return found;
  return { kind: "reason", what: `"${ours.error}" here, "${theirs.error}" in Linux` };
}

/** Whole logs of one level, of Linux 7.2. */
export function logDifference(ours: Verdict, linux: LinuxVerdict): Difference | undefined {
  const a = comparable(ours.log);
  const b = comparable(linux.log);
  const at = a.findIndex((line, i) => line !== b[i]);
  if (at < 0 && a.length === b.length) return undefined;
  const i = at < 0 ? a.length : at;
  return { kind: "log", what: `line ${i}\n  here:  ${a[i]}\n  Linux: ${b[i]}` };
}
