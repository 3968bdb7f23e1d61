// npm run diff -- NAME [SEED] [...]: ours against the real thing on this machine, with minimised differences. NAME is one of
// the folders test/diff-NAME.

import { readdirSync } from "node:fs";
import path from "node:path";
import { runTs } from "./run-ts.mjs";

const names = readdirSync(path.join(import.meta.dirname, "../test"))
  .filter((name) => name.startsWith("diff-"))
  .map((name) => name.slice("diff-".length));
const [name = "", ...args] = process.argv.slice(2);
if (names.includes(name)) process.exitCode = runTs(`test/diff-${name}/main.ts`, args);
else {
  process.stderr.write(`usage: npm run diff -- NAME [SEED] [...]\nNAME: ${names.join(", ")}\n`);
  process.exitCode = 2;
}
