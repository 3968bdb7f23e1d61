// What does the loop save when the kernel runs it? NOPs at depth 1 and 8, and a file copy, on a real Linux 7.1 or later in
// the rig: by the `kernel` engine, by `user`, by a C program over the same kind of ring, and by linked pairs of NOPs. The
// rig's clock counts instructions (--icount), so the figures are instructions and repeat within a hundredth.

import { spawnSync } from "node:child_process";
import path from "node:path";
import { ratiosTo, type Answer, type Bench, type Effort, type Report, type Skipped } from "./harness.ts";
import { build, hasCommand, scratchDirectory } from "./native.ts";

const BASELINE = "C";

type Row =
  | { readonly question: string; readonly peer: string; readonly ns: number }
  | { readonly peer: string; readonly reason: string }
  | { readonly figure: string; readonly value: number };

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

      progress("booting the kernel (instructions are counted, which takes its time)");
      const requests = rounds === 1 ? 200 : 20_000;
      const rig = path.join(root, "scripts/vm.mjs");
      const guest = [path.join(root, "bench/kernel/guest.mjs"), path.join(root, "dist"), native, String(requests)];
      const { status, stdout, stderr } = spawnSync(
        process.execPath,
        [rig, "--icount", "--timeout", "900", process.execPath, ...guest],
        {
          encoding: "utf8",
        },
      );
      if (status !== 0) throw new Error(`the rig ended with status ${status}: ${stderr}`);
      return report(
        stdout
          .trim()
          .split("\n")
          .map((line) => JSON.parse(line) as Row),
        skipped,
      );
    },
  };
}

function report(rows: readonly Row[], skipped: Skipped[]): Report {
  const questions = new Map<string, Record<string, number>>();
  const figures: Record<string, number> = {};
  for (const row of rows) {
    if ("figure" in row) figures[row.figure] = row.value;
    else if ("reason" in row) skipped.push({ name: row.peer, reason: row.reason });
    else questions.set(row.question, { ...questions.get(row.question), [row.peer]: row.ns });
  }
  const answers: Answer[] = [...questions].map(([name, ns]) => ({ name, ns }));
  const [one] = answers;
  if (one?.ns["kernel"] && one.ns["C"])
    figures["instructions of a NOP at depth 1, kernel to C"] = one.ns["kernel"] / one.ns["C"];
  if (one?.ns["kernel"] && one.ns["C, linked pairs"]) {
    figures["instructions of a NOP at depth 1, kernel to linked pairs"] = one.ns["kernel"] / one.ns["C, linked pairs"];
  }
  return { bench: "kernel", answers, baseline: BASELINE, ratios: ratiosTo(BASELINE, answers), skipped, figures };
}
