// `npm run diff -- sim [seed] [count]`: random scripts on the simulator and on the host's ring. Stops at the first
// difference, makes it small and prints it as a fixture.

import { opName } from "../../src/uring/abi/index.ts";
import { minimise } from "./compare.ts";
import { generate } from "./generate.ts";
import { playBoth } from "./play-both.ts";
import type { Script } from "./script.ts";

function describe(script: Script): string {
  const { sim, real, difference: what } = playBoth(script);
  const lines = [`seed ${script.seed}, flags 0x${script.flags.toString(16)}: ${what}`];
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

const first = Number(process.argv[2] ?? 1);
const count = Number(process.argv[3] ?? 10_000);
const keepGoing = process.argv.includes("--all");
let requests = 0;
let differences = 0;
const started = Date.now();
for (let seed = first; seed < first + count; seed++) {
  if (process.env["VERBOSE"] !== undefined) console.error(`seed ${seed}`);
  const script = generate(seed);
  requests += script.phases.reduce((sum, { sqes }) => sum + sqes.length, 0);
  if (playBoth(script).difference === undefined) continue;
  // once more: a difference that does not come again is the machine's, not the simulator's
  if (playBoth(script).difference === undefined) continue;
  const small = process.argv.includes("--raw")
    ? script
    : minimise(script, (candidate) => playBoth(candidate).difference);
  if (playBoth(small).difference === undefined) continue;
  differences++;
  console.log(describe(small));
  if (process.argv.includes("--fixture")) console.log(JSON.stringify(small));
  if (!keepGoing || differences >= 40) break;
}
const seconds = (Date.now() - started) / 1000;
console.log(
  `${count} sequences from seed ${first}, ${requests} requests, ${seconds.toFixed(1)} s: ${differences} differences`,
);
process.exitCode = differences === 0 ? 0 : 1;
