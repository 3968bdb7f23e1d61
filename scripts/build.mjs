// npm run build: dist/ from src/. tsc writes the declarations; the code is put together into few files, because Node takes
// about a millisecond for every module it loads, and a run needs some two hundred of the sources. Each entry below keeps
// the name of its source; what several of them need lies in dist/chunks, shared.

import { spawn } from "node:child_process";
import { readdirSync, rmSync, statSync, utimesSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const dist = path.join(root, "dist");

/** What is loaded by name: by users, and as a command. */
const ENTRIES = ["index", "sim", "cli/main", "engine/ring-boot"];
/** Modules of threads. Threads share no code, so each is one whole file. */
const THREADS = ["cli/explore-worker", "engine/user/ring-worker", "engine/kernel/ring-worker"];

/** @returns {Promise<number>} tsc's exit status: a build with type errors in it still runs. */
function declarations() {
  return new Promise((ended, failed) => {
    const tsc = path.join(root, "node_modules/typescript/bin/tsc");
    const child = spawn(process.execPath, [tsc, "-p", "tsconfig.build.json"], { cwd: root, stdio: "inherit" });
    child.once("error", failed);
    child.once("exit", (status) => ended(status ?? 1));
  });
}

/** @param {readonly string[]} names @param {boolean} whole */
async function code(names, whole) {
  const bundle = await rolldown({
    cwd: root,
    input: Object.fromEntries(names.map((name) => [name, `src/${name}.ts`])),
    platform: "neutral",
    external: ["koffi", /^node:/],
    tsconfig: false,
    transform: { target: "es2023" },
    // no module here does anything by being imported, but for the entries
    treeshake: { moduleSideEffects: false },
  });
  await bundle.write({
    dir: dist,
    format: "esm",
    sourcemap: true,
    comments: false,
    chunkFileNames: "chunks/[name].js",
    codeSplitting: !whole,
  });
}

/** Removes what an earlier build left: those who use dist/ meanwhile keep finding the rest. @param {Date} started */
function removeOlder(started) {
  for (const name of readdirSync(dist, { recursive: true, encoding: "utf8" })) {
    const file = path.join(dist, name);
    const stat = statSync(file);
    if (stat.isFile() && stat.mtime < started) rmSync(file);
  }
}

/** Builds everything anew; the exit status of `npm run build`, 0 where the types are right. */
export async function build() {
  const started = new Date();
  const [status] = await Promise.all([
    declarations(),
    code(ENTRIES, false),
    ...THREADS.map((name) => code([name], true)),
  ]);
  removeOlder(started);
  // the tests build anew when a source is younger than this
  utimesSync(path.join(dist, "index.js"), started, started);
  return status;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = await build();
