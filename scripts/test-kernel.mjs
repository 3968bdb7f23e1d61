// npm run test:kernel [-- VITEST OPTIONS]: builds here, then runs the engine suite and the kernel's own tests inside the rig,
// where nothing may be skipped for want of a kernel. Ends with vitest's exit status, or 4 when the rig cannot run.

import { spawnSync } from "node:child_process";
import path from "node:path";
import { fileURLToPath } from "node:url";

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const SUITES = [
  "test/kernel.test.ts",
  "test/kernel-ring.test.ts",
  "test/kernel-cli.test.ts",
  "test/kernel-verdicts.test.ts",
  "test/kernel-btf.test.ts",
  "test/kernel-maps.test.ts",
  "test/engines.test.ts",
  "test/traces.test.ts",
  "test/sim-kernel.test.ts",
];
/** Emulated, and on a machine that may be busy with other things. */
const TEST_TIMEOUT_MS = 600_000;
const RIG_TIMEOUT_S = 3600;

/** @param {string} file @param {string[]} args */
function run(file, args) {
  return spawnSync(file, args, { cwd: root, stdio: "inherit", env: { ...process.env, INIT_CWD: root } }).status ?? 1;
}

// A build with type errors in it still runs; `npm run check` is there to refuse it.
// The guest sees these files read-only: it must not find the build out of date.
run(process.execPath, [path.join(root, "scripts/build.mjs")]);

const given = process.argv.slice(2);
const suites = given.some((word) => !word.startsWith("-")) ? [] : SUITES;
const vitest = [path.join(root, "node_modules/vitest/vitest.mjs"), "run", "--configLoader", "runner"];
const options = [
  "--no-file-parallelism",
  "--reporter=verbose",
  `--testTimeout=${TEST_TIMEOUT_MS}`,
  `--hookTimeout=${TEST_TIMEOUT_MS}`,
];
const rig = [path.join(root, "scripts/vm.mjs"), "--timeout", String(RIG_TIMEOUT_S), "--memory", "1536"];
const command = ["env", "LOOPSTEP_ENGINES=user,kernel", "LOOPSTEP_TRACES=kernel", process.execPath];
process.exitCode = run(process.execPath, [...rig, ...command, ...vitest, ...options, ...suites, ...given]);
