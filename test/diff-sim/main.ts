// `npm run diff -- sim [seed] [count] [--all] [--raw] [--fixture] [--fields | --random]`: wrong arguments of every field of
// every opcode, then random scripts, on the simulator and on the host's ring. A difference is made small and printed; with
// --all the comparison goes on after it. At the end: what was covered.

import { opName } from "../../src/uring/abi/index.ts";
import { badFieldScripts } from "./bad-fields.ts";
import { minimise } from "./compare.ts";
import { Coverage } from "./coverage.ts";
import { generate } from "./generate.ts";
import { REPEATS, playBoth, type Both } from "./play-both.ts";
import type { Script } from "./script.ts";

const MOST_DIFFERENCES = 400;

function describe(script: Script, { sim, real, difference }: Both): string {
  const lines = [`seed ${script.seed}, flags 0x${script.flags.toString(16)}: ${difference}`];
  for (const [i, phase] of script.phases.entries()) {
    lines.push(`phase ${i}${phase.ordered ? " (ordered)" : ""}`);
    for (const action of phase.actions) lines.push(`  process: ${JSON.stringify(action)}`);
    for (const { fields } of phase.sqes) {
      const { opcode, ...rest } = fields;
      lines.push(`  ${opName(Number(opcode))} ${JSON.stringify(rest)}`);
      for (const value of Object.values(rest)) {
        if (typeof value !== "object" || !("m" in value) || value.m >= 0x60000) continue;
        const near = script.pokes.filter(({ at }) => at >= value.m && at < value.m + 64);
        lines.push(`    at ${value.m}: ${near.map(({ value }) => JSON.stringify(value)).join(" ")}`);
      }
    }
    lines.push(`  sim:   ${sim.phases[i]?.submitted} [${sim.phases[i]?.cqes.join("; ")}]`);
    lines.push(`  Linux: ${real.phases[i]?.submitted} [${real.phases[i]?.cqes.join("; ")}]`);
  }
  return lines.join("\n");
}

const options = new Set(process.argv.slice(2).filter((word) => word.startsWith("--")));
const [first = 1, count = 10_000] = process.argv
  .slice(2)
  .filter((word) => !word.startsWith("--"))
  .map(Number);

const coverage = new Coverage();
const started = Date.now();
let differences = 0;
let repeated = 0;
let varied = 0;

/** False: enough was seen. */
function compare(script: Script, title: string): boolean {
  if (process.env["VERBOSE"] !== undefined) console.error(title);
  const both = playBoth(script, options.has("--raw") ? 2 : REPEATS);
  coverage.add(script, both.sim);
  if (both.asked > 1) repeated++;
  if (both.answers > 1) varied++;
  if (both.difference === undefined) return true;
  differences++;
  const differs = (candidate: Script): string | undefined => playBoth(candidate, 3).difference;
  const small = options.has("--raw") ? script : minimise(script, differs);
  const again = playBoth(small);
  console.log(
    `${title}\n${describe(again.difference === undefined ? script : small, again.difference === undefined ? both : again)}`,
  );
  if (options.has("--fixture")) console.log(JSON.stringify(small));
  return options.has("--all") && differences < MOST_DIFFERENCES;
}

function run(): void {
  if (!options.has("--random")) for (const script of badFieldScripts()) if (!compare(script, script.title)) return;
  const fields = coverage.sequences;
  if (!options.has("--fields"))
    for (let seed = first; seed < first + count; seed++) if (!compare(generate(seed), `seed ${seed}`)) return;
  console.log(`${fields} sequences of wrong fields, ${coverage.sequences - fields} random ones from seed ${first}`);
}

run();
const seconds = (Date.now() - started) / 1000;
console.log("opcode, requests, results (in CQEs):");
for (const line of coverage.lines()) console.log(line);
console.log(`${repeated} sequences were played again, Linux gave different answers to ${varied}`);
console.log(
  `${coverage.sequences} sequences, ${coverage.requests} requests, ${coverage.completions} completions, ${seconds.toFixed(1)} s: ${differences} differences`,
);
process.exitCode = differences === 0 ? 0 : 1;
