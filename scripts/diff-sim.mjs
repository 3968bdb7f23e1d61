// The simulator against the host's real ring: `node scripts/diff-sim.mjs [seed] [count] [--all] [--fixture]`. The sources
// are bundled first, since Node 20 does not run TypeScript.

import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import path from "node:path";
import { rolldown } from "rolldown";

const root = path.join(import.meta.dirname, "..");
const folder = path.join(root, "node_modules/.cache/loopstep");
mkdirSync(folder, { recursive: true });
const file = path.join(folder, "diff-sim.mjs");
const bundle = await rolldown({
  input: path.join(root, "test/diff-sim/main.ts"),
  platform: "node",
  external: ["koffi"],
  logLevel: "silent",
});
await bundle.write({ file, format: "esm" });
const { status } = spawnSync(process.execPath, [file, ...process.argv.slice(2)], { stdio: "inherit" });
process.exitCode = status ?? 1;
