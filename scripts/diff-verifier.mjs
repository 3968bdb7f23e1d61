// The verifier against the running kernel's: `node scripts/diff-verifier.mjs [seed] [count] [--record FILE|--compare FILE]`.
// Inside Linux 7.2 through `npm run vm`. The sources are bundled first, since Node 20 does not run TypeScript.

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import path from "node:path";
import { rolldown } from "rolldown";

const root = path.join(import.meta.dirname, "..");
const folder = path.join(root, "node_modules/.cache/loopstep");
const file = path.join(folder, "diff-verifier.mjs");
// inside the guest of `npm run vm` this machine's files are read-only: the bundle made outside is used
const args = process.argv.slice(2);
try {
  mkdirSync(folder, { recursive: true });
  const bundle = await rolldown({
    input: path.join(root, "test/diff-verifier/main.ts"),
    platform: "node",
    external: ["koffi"],
    logLevel: "silent",
  });
  await bundle.write({ file, format: "esm" });
} catch (error) {
  if (!existsSync(file)) throw error;
}
const { status } = spawnSync(process.execPath, [file, ...args], { stdio: "inherit" });
process.exitCode = status ?? 1;
