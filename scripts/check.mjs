// npm run check: types, lint, format, layering, and the code blocks of the documents. Runs all, then fails if any failed.

import { spawnSync } from "node:child_process";
import { writeDocBlocks } from "./doc-blocks.mjs";

const tool = (name) => `node_modules/.bin/${name}`;

const docs = writeDocBlocks();
/** @type {[string, string, string[]][]} */
const steps = [
  ["types", tool("tsc"), ["-p", "tsconfig.json"]],
  ["lint", tool("oxlint"), ["--type-aware", "--deny-warnings"]],
  ["format", tool("oxfmt"), ["--check", "."]],
  ["layering", tool("vitest"), ["run", "test/tidy.test.ts"]],
  [`code blocks of documents (${docs.count})`, tool("tsc"), ["-p", docs.project]],
];

let failed = 0;
for (const [name, command, args] of steps) {
  const started = Date.now();
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: "utf8" });
  const ok = status === 0;
  process.stdout.write(`${ok ? "ok  " : "FAIL"} ${name} (${((Date.now() - started) / 1000).toFixed(1)} s)\n`);
  if (ok) continue;
  failed++;
  process.stdout.write(`${stdout}${stderr}`);
}
process.exitCode = failed ? 1 : 0;
