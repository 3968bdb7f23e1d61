// Two verdicts of one program: the first difference, without what cannot be equal.

import type { Verdict } from "../../src/bpf/verifier/index.ts";
import type { LinuxVerdict } from "./linux.ts";

/** Kernel addresses and times differ from run to run, and the listing of the stack's liveness is not made here. */
export function comparable(log: string): readonly string[] {
  let text = log
    .replaceAll(/(\(18\) r\d+ = )0x[0-9a-f]+ */g, "$1X ")
    .replaceAll(/verification time \d+ usec/g, "verification time 0 usec");
  const from = text.search(/^subprog#\d+.*analyzing/m);
  const to = text.search(/^Live regs before insn:/m);
  if (from >= 0 && to > from) text = text.slice(0, from) + text.slice(to);
  return text.split("\n");
}

/** A difference in words, or undefined. `kind` tells the grave ones from the others. */
export interface Difference {
  readonly kind: "false accept" | "false reject" | "errno" | "log";
  readonly what: string;
}

export function difference(ours: Verdict, linux: LinuxVerdict): Difference | undefined {
  const said = linux.log.trim().split("\n").slice(-3).join(" | ");
  if (ours.errno !== linux.errno) {
    const kind = linux.errno === 0 ? "false reject" : ours.errno === 0 ? "false accept" : "errno";
    return { kind, what: `errno ${ours.errno} (${ours.error}) here, ${linux.errno} in Linux (${said})` };
  }
  const a = comparable(ours.log);
  const b = comparable(linux.log);
  const at = a.findIndex((line, i) => line !== b[i]);
  if (at < 0 && a.length === b.length) return undefined;
  const i = at < 0 ? a.length : at;
  return { kind: "log", what: `line ${i}\n  here:  ${a[i]}\n  Linux: ${b[i]}` };
}
