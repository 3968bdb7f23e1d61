// Builds dist/ before the tests where it is older than the sources: the ring's thread and the command line run from there.

import { spawnSync } from "node:child_process";
import { readdirSync, statSync } from "node:fs";
import path from "node:path";

const root = path.dirname(import.meta.dirname);
const builder = path.join(root, "scripts/build.mjs");

const changed = (file: string): number => statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;

function newestSource(): number {
  const names = readdirSync(path.join(root, "src"), { recursive: true, encoding: "utf8" }).filter((name) =>
    name.endsWith(".ts"),
  );
  return Math.max(changed(builder), ...names.map((name) => changed(path.join(root, "src", name))));
}

/** vitest's global set-up. */
export function setup(): void {
  if (changed(path.join(root, "dist/index.js")) > newestSource()) return;
  const { status, stdout, stderr } = spawnSync(process.execPath, [builder], { cwd: root, encoding: "utf8" });
  if (status !== 0) process.stderr.write(`the sources do not compile cleanly:\n${stdout}${stderr}`);
}
