// What does the loop save when the kernel runs it? NOPs at depth 1 and 8, and a file copy, on a real Linux 7.1 or later in
// the rig: by the `kernel` engine, by the same object started by libbpf, by `user`, by a C program over the same kind of ring,
// and by linked pairs of NOPs, two to a system call. Peers take turns, and of each the median counts. Once with a clock that counts instructions (--icount), which repeats within a hundredth, and once in emulated time, of which
// only ratios mean anything.

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import path from "node:path";
import { ratiosTo, type Answer, type Bench, type Effort, type Report, type Skipped } from "./harness.ts";
import { build, hasCommand, scratchDirectory } from "./native.ts";

const BASELINE = "C";
const LIBBPF = "started by libbpf";
/** What the loop in the kernel is held against, peer by peer. */
const COMPARED = [BASELINE, "C, linked pairs", LIBBPF];

type Row =
  | { readonly question: string; readonly peer: string; readonly ns: number }
  | { readonly peer: string; readonly reason: string }
  | { readonly figure: string; readonly value: number };

/** What the rig's clock counts, and how often it has to be asked. */
const CLOCKS: readonly { readonly unit: string; readonly options: readonly string[]; readonly turns: number }[] = [
  { unit: "instructions", options: ["--icount"], turns: 3 },
  { unit: "emulated time", options: [], turns: 5 },
];

function inRig(root: string, command: readonly string[]): Row[] {
  const rig = [rigScript(root), "--timeout", "900", ...command];
  const { status, stdout, stderr } = spawnSync(process.execPath, rig, { encoding: "utf8" });
  if (status !== 0) throw new Error(`the rig ended with status ${status}: ${stderr}`);
  return stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Row);
}

const rigScript = (root: string): string => path.join(root, "scripts/vm.mjs");

/** Where a libbpf is that knows links of struct_ops: what LOOPSTEP_LIBBPF names, or Debian's newest. Throws where it cannot be had. */
function libbpfFolder(root: string): string {
  const given = process.env["LOOPSTEP_LIBBPF"];
  if (given !== undefined) return given;
  const rig = [rigScript(root), "--package", "libbpf-dev"];
  const { status, stdout, stderr } = spawnSync(process.execPath, rig, { encoding: "utf8" });
  if (status !== 0) throw new Error(stderr.trim().split("\n").at(-1));
  return path.join(stdout.trim(), "usr");
}

function libraryIn(folder: string): string {
  const library = ["lib/x86_64-linux-gnu", "lib64", "lib"]
    .map((place) => path.join(folder, place, "libbpf.a"))
    .find((file) => existsSync(file));
  if (library === undefined) throw new Error(`there is no libbpf.a in ${folder}`);
  return library;
}

/** Compiles the peers in C; the path of one that cannot be is that of no file. */
function nativePeers(root: string, skipped: Skipped[]): string[] {
  const scratch = scratchDirectory();
  const peer = (name: string, source: string, more: () => string[]): string => {
    const file = path.join(scratch, source);
    try {
      build("cc", ["-O2", "-o", file, path.join(root, `bench/kernel/${source}.c`), ...more()]);
    } catch (error) {
      skipped.push({ name, reason: (error as Error).message.trim().split("\n")[0] });
    }
    return file;
  };
  if (!hasCommand("cc")) {
    for (const name of [BASELINE, LIBBPF]) skipped.push({ name, reason: "there is no C compiler" });
    return ["nops", "libbpf"].map((name) => path.join(scratch, name));
  }
  const withLibbpf = (): string[] => {
    const folder = libbpfFolder(root);
    return [`-I${path.join(folder, "include")}`, libraryIn(folder), "-lelf", "-lz"];
  };
  return [peer(BASELINE, "nops", () => []), peer(LIBBPF, "libbpf", withLibbpf)];
}

/** `npm run bench -- kernel`. */
export function kernelBench(root: string): Bench {
  return {
    name: "kernel",
    async run({ rounds }: Effort, progress): Promise<Report> {
      const skipped: Skipped[] = [];
      const natives = nativePeers(root, skipped);
      const tiny = rounds === 1;
      const guest = path.join(root, "bench/kernel/guest.mjs");
      const rows = CLOCKS.flatMap(({ unit, options, turns }) => {
        const counts = tiny ? [200, 1] : [20_000, turns];
        const words = [guest, path.join(root, "dist"), ...natives, ...counts.map(String)];
        progress(`measuring ${unit} (boots the kernel, and takes its time)`);
        return inRig(root, [...options, process.execPath, ...words]).map((row) => ({ ...row, unit }));
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
    for (const peer of COMPARED) {
      if (ns["kernel"] && ns[peer]) figures[`kernel to ${peer}: ${name}`] = ns["kernel"] / ns[peer];
    }
  }
  return { bench: "kernel", answers, baseline: BASELINE, ratios: ratiosTo(BASELINE, answers), skipped, figures };
}
