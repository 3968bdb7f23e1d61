// npm run bench -- NAME [--tiny] [--no-record] [--only A,B]: runs a benchmark, prints its table and records it.

import { existsSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { compileBench } from "./compile.bench.ts";
import { FULL, record, render, TINY, type Bench } from "./harness.ts";
import { jitBench } from "./jit.bench.ts";
import { kernelBench } from "./kernel.bench.ts";
import { nopBench } from "./nop.bench.ts";
import { simBench } from "./sim.bench.ts";
import { startupBench } from "./startup.bench.ts";
import { verifierBench } from "./verifier.bench.ts";

/** The benchmarks by name. */
const BENCHES: Readonly<Record<string, (root: string, only?: readonly string[]) => Bench>> = {
  compile: compileBench,
  jit: jitBench,
  kernel: kernelBench,
  nop: nopBench,
  sim: simBench,
  startup: startupBench,
  verifier: verifierBench,
};

/** The folder of package.json above this file, which lies deeper when compiled. */
function projectRoot(): string {
  let folder = path.dirname(fileURLToPath(import.meta.url));
  while (!existsSync(path.join(folder, "package.json"))) folder = path.dirname(folder);
  return folder;
}

async function main(): Promise<number> {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: { tiny: { type: "boolean" }, "no-record": { type: "boolean" }, only: { type: "string" } },
  });
  const name = positionals[0] ?? "";
  if (!Object.hasOwn(BENCHES, name)) {
    console.error(
      `usage: npm run bench -- NAME [--tiny] [--no-record] [--only A,B]\nbenchmarks: ${Object.keys(BENCHES).join(", ")}`,
    );
    return 2;
  }
  const root = projectRoot();
  const effort = values.tiny === true ? TINY : FULL;
  const report = await BENCHES[name](root, values.only?.split(",")).run(effort, (line) => console.error(line));
  console.log(render(report));
  if (values.tiny !== true && values["no-record"] !== true)
    console.error(`recorded in ${record(root, report, effort)}`);
  return 0;
}

process.exitCode = await main();
