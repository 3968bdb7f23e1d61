// What does the loop save when the kernel runs it? NOPs at depth 1 and 8, and a file copy, on a real Linux 7.1 or later in
// the rig: by the `kernel` engine, by `user`, by a C program over the same kind of ring, and by linked pairs of NOPs. Once
// with a clock that counts instructions (--icount), which repeats within a hundredth, and once in emulated time, of which
// only ratios mean anything.

import { spawnSync } from "node:child_process";
import path from "node:path";
import { ratiosTo, type Answer, type Bench, type Effort, type Report, type Skipped } from "./harness.ts";
import { build, hasCommand, scratchDirectory } from "./native.ts";

const BASELINE = "C";

type Row =
  | { readonly question: string; readonly peer: string; readonly ns: number }
  | { readonly peer: string; readonly reason: string }
  | { readonly figure: string; readonly value: number };

/** What the rig's clock counts. */
const CLOCKS: readonly { readonly unit: string; readonly options: readonly string[] }[] = [
  { unit: "instructions", options: ["--icount"] },
  { unit: "emulated time", options: [] },
];

function inRig(root: string, command: readonly string[]): Row[] {
  const rig = [path.join(root, "scripts/vm.mjs"), "--timeout", "900", ...command];
  const { status, stdout, stderr } = spawnSync(process.execPath, rig, { encoding: "utf8" });
  if (status !== 0) throw new Error(`the rig ended with status ${status}: ${stderr}`);
  return stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Row);
}

/** `npm run bench -- kernel`. */
export function kernelBench(root: string): Bench {
  return {
    name: "kernel",
    async run({ rounds }: Effort, progress): Promise<Report> {
      const skipped: Skipped[] = [];
      let native = "/nonexistent";
      if (hasCommand("cc")) {
        native = path.join(scratchDirectory(), "nops");
        build("cc", ["-O2", "-o", native, path.join(root, "bench/kernel/nops.c")]);
      } else {
        skipped.push({ name: BASELINE, reason: "there is no C compiler" });
      }

      const requests = rounds === 1 ? 200 : 20_000;
      const guest = [path.join(root, "bench/kernel/guest.mjs"), path.join(root, "dist"), native, String(requests)];
      const rows = CLOCKS.flatMap(({ unit, options }) => {
        progress(`measuring ${unit} (boots the kernel, and takes its time)`);
        return inRig(root, [...options, process.execPath, ...guest]).map((row) => ({ ...row, unit }));
      });
      return report(rows, skipped);
    },
  };
}

function report(rows: readonly (Row & { readonly unit: string })[], skipped: Skipped[]): Report {
  const questions = new Map<string, Record<string, number>>();
  const figures: Record<string, number> = {};
  for (const row of rows) {
    if ("figure" in row) figures[`${row.figure} (${row.unit})`] = row.value;
    else if (!("reason" in row)) {
      const name = `${row.question}, ${row.unit}`;
      questions.set(name, { ...questions.get(name), [row.peer]: row.ns });
    } else if (!skipped.some(({ name }) => name === row.peer)) skipped.push({ name: row.peer, reason: row.reason });
  }
  const answers: Answer[] = [...questions].map(([name, ns]) => ({ name, ns }));
  for (const { name, ns } of answers) {
    for (const peer of ["C", "C, linked pairs"]) {
      if (ns["kernel"] && ns[peer]) figures[`kernel to ${peer}: ${name}`] = ns["kernel"] / ns[peer];
    }
  }
  return { bench: "kernel", answers, baseline: BASELINE, ratios: ratiosTo(BASELINE, answers), skipped, figures };
}
