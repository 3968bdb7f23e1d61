// Runs a TypeScript file of bench/ or test/ with its imports: compiled into .cache/tools first, because Node 20 does not
// take TypeScript. `node scripts/run-ts.mjs FILE [ARGUMENT...]`, or `runTs(file, args)`.

import { spawnSync } from "node:child_process";
import path from "node:path";
import { fileURLToPath } from "node:url";

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));

/**
 * Compiles and runs `file` (relative to the root); its exit status.
 * @param {string} file
 * @param {readonly string[]} args
 */
export function runTs(file, args) {
  // type errors are for `npm run check` to refuse; what compiles runs
  spawnSync(path.join(root, "node_modules/.bin/tsc"), ["-p", "tsconfig.tools.json"], { cwd: root });
  const compiled = path.join(root, ".cache/tools", file.replace(/\.ts$/, ".js"));
  return spawnSync(process.execPath, [compiled, ...args], { stdio: "inherit" }).status ?? 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [file = "", ...args] = process.argv.slice(2);
  process.exitCode = runTs(file, args);
}
