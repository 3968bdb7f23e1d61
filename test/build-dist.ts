// Builds dist/ before the tests where it is older than the sources: the ring's thread and the command line run from there.

import { spawnSync } from "node:child_process";
import { readdirSync, statSync, utimesSync, writeFileSync } from "node:fs";
import path from "node:path";

const root = path.dirname(import.meta.dirname);
const stamp = path.join(root, "dist/.built");

function newestSource(): number {
  const names = readdirSync(path.join(root, "src"), { recursive: true, encoding: "utf8" }).filter((name) =>
    name.endsWith(".ts"),
  );
  return Math.max(...names.map((name) => statSync(path.join(root, "src", name)).mtimeMs));
}

/** vitest's global set-up. */
export function setup(): void {
  const built = statSync(stamp, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const started = new Date();
  if (built > newestSource()) return;
  const { status, stdout } = spawnSync(path.join(root, "node_modules/.bin/tsc"), ["-p", "tsconfig.build.json"], {
    cwd: root,
    encoding: "utf8",
  });
  if (status !== 0) process.stderr.write(`the sources do not compile cleanly:\n${stdout}`);
  writeFileSync(stamp, "");
  utimesSync(stamp, started, started);
}
