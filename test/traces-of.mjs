// node traces-of.mjs: the runs of browser-page.mjs on this Node, as JSON on stdout: its version and what the runs gave.

import { readFileSync } from "node:fs";
import path from "node:path";
import { runAll } from "./browser-page.mjs";

const root = path.dirname(import.meta.dirname);
const results = await runAll((file) => Promise.resolve(readFileSync(path.join(root, file))));
process.stdout.write(JSON.stringify({ node: process.version, results }));
