// The verifier and the engines here against recorded loops: prints each difference, says how many there are of each kind.

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";
import { Btf } from "../../src/bpf/btf/index.ts";
import { BpfObject } from "../../src/bpf/object/index.ts";
import { programType, verify } from "../../src/bpf/verifier/index.ts";
import { openEngine } from "../../src/engine/index.ts";
import { LINUX_CONFIG, LOOP_STEP_TYPE, loopTargetBtf } from "../../src/loop/index.ts";
import type { Recorded } from "./recorded.ts";
import { runLoop } from "./run.ts";

const ENGINES = [
  ["user", {}],
  ["user", { interpret: true }],
  ["sim", {}],
] as const;
/** Of a loop that never ends. */
const SHORT_MS = 100;
const LONG_MS = 20_000;
const KERNEL = "7.2.13";
const tally: Record<string, number> = {};

function report(kind: string, row: Recorded, text: string): void {
  tally[kind] = (tally[kind] ?? 0) + 1;
  console.log(`${kind}: ${row.program} ${row.mcpu}: ${text}`);
}

function firstDifference(ours: string, theirs: string): string {
  const a = ours.split("\n");
  const b = theirs.split("\n");
  const i = a.findIndex((line, at) => line !== b[at]);
  const at = i < 0 ? a.length : i;
  return `line ${at}\n  here:  ${a[at]}\n  Linux: ${b[at]}`;
}

const cleaned = (log: string): string => log.replaceAll(/(\(18\) r\d+ = )0x[0-9a-f]+ */g, "$1X ");

function compareVerdict(row: Recorded, bytes: Uint8Array, target: Btf, where: string): void {
  const object = BpfObject.open(bytes);
  object.configure(LINUX_CONFIG);
  const spec = object.programs.find(({ section }) => section.startsWith("struct_ops")) ?? object.programs[0];
  const program = object.resolve(spec.name, { target });
  const type = programType(program.type) ?? LOOP_STEP_TYPE;
  const ours = verify(program, { type, externs: object.externs });
  const said = `here ${ours.errno} ${ours.error}; Linux ${row.errno} ${row.error}`;
  if (ours.errno !== row.errno) {
    const kind = row.errno === 0 ? "false rejection" : ours.errno === 0 ? "FALSE ACCEPTANCE" : "errno";
    report(`${kind} (${where})`, row, said);
    return;
  }
  if (JSON.stringify(ours.messages) !== JSON.stringify(row.messages) && !ours.log.includes(row.error || "never"))
    report(`messages (${where})`, row, said);
  if (ours.processed !== row.processed) report(`processed (${where})`, row, `${ours.processed} ${row.processed}`);
  if (ours.stackDepth !== row.stack_depth) report(`stack (${where})`, row, `${ours.stackDepth} ${row.stack_depth}`);
  // ids of types are those of the target
  if (row.log !== undefined && where === KERNEL && cleaned(ours.log) !== cleaned(row.log))
    report(`log (${where})`, row, firstDifference(cleaned(ours.log), cleaned(row.log)));
}

async function compareRun(row: Recorded, bytes: Uint8Array): Promise<void> {
  for (const [name, options] of ENGINES) {
    const where = `run ${name}${"interpret" in options ? " interpreted" : ""}`;
    using engine = await openEngine(name, options);
    try {
      const run = await runLoop(engine, BpfObject.open(bytes), row.run_interrupted ? SHORT_MS : LONG_MS);
      const fields = row.unstable
        ? (["run_ret", "cq_head", "cq_tail"] as const)
        : (["run_ret", "run_interrupted", "out", "cq_head", "cq_tail", "mem_fnv1a", "sq_fnv1a"] as const);
      for (const field of fields) {
        const [ours, theirs] = [JSON.stringify(run[field]), JSON.stringify(row[field])];
        if (ours !== theirs) report(where, row, `${field} ${ours}, Linux ${theirs}`);
      }
    } catch (error) {
      report(`${where} failed`, row, (error as Error).message.split("\n")[0]);
    }
  }
}

/** Compares all, or those of the given names; the exit status. */
export async function compareLoops(folder: string, names: readonly string[]): Promise<number> {
  const linux = Btf.parse(
    execFileSync("xz", ["-dc", path.resolve("../shared/linux-7.2.13.btf.xz")], { maxBuffer: 1 << 28 }),
  );
  const rows = readFileSync(path.join(folder, "verdicts.jsonl"), "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Recorded)
    .filter(({ program }) => names.length === 0 || names.some((name) => program.startsWith(name)));
  for (const row of rows) {
    if (row.verdict === "failed" || row.verdict === "not asked") {
      report(row.verdict, row, row.error);
      continue;
    }
    const bytes = readFileSync(path.join(folder, row.object));
    for (const [where, target] of [
      [KERNEL, linux],
      ["built-in", loopTargetBtf()],
    ] as const) {
      try {
        compareVerdict(row, bytes, target, where);
      } catch (error) {
        report(`thrown (${where})`, row, (error as Error).message);
      }
    }
    if (row.errno === 0 && row.run_ret !== undefined) await compareRun(row, bytes);
    else if (row.errno === 0) report("not run", row, row.error);
  }
  console.log(`${rows.length} objects`, tally);
  return Object.keys(tally).length === 0 ? 0 : 1;
}
