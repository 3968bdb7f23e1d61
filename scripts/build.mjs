// npm run build: dist/ from src/. tsc writes the declarations; the code is put together into few files, because Node takes
// about a millisecond for every module it loads, and a run needs some two hundred of the sources. Each entry below keeps
// the name of its source; what several of them need lies in dist/chunks, shared.

import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, utimesSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";
import { calledFunctions, eagerFunctions } from "./eager-functions.mjs";

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

/** Programs whose verdict calls what most verdicts call. */
const VERIFIED = ["nops", "cp"].map((name) => path.join(root, `src/programs/${name}/${name}.bpf.o`));

/**
 * @param {Readonly<Record<string, string>>} input sources by what they are called in `dir`
 * @param {string} dir
 * @param {{ whole?: boolean, plugins?: import("rolldown").Plugin[] }} [options]
 */
async function code(input, dir, { whole = false, plugins = [] } = {}) {
  const bundle = await rolldown({
    cwd: root,
    input,
    platform: "neutral",
    external: ["koffi", /^node:/],
    tsconfig: false,
    plugins,
    transform: {
      target: "es2023",
      // as tsconfig.json has it: a field that is not given a value is not made, which would cost a call for every object
      typescript: { removeClassFieldsWithoutInitializer: true },
      assumptions: { setPublicClassFields: true },
    },
    // no module here does anything by being imported, but for the entries
    treeshake: { moduleSideEffects: false },
  });
  await bundle.write({
    dir,
    format: "esm",
    sourcemap: true,
    comments: false,
    chunkFileNames: "chunks/[name].js",
    codeSplitting: !whole,
  });
}

/**
 * Puts sources together twice: to see what they call when they are run with each of `commands` (a file of `dir`, arguments),
 * and with that in mind.
 * @param {Readonly<Record<string, string>>} input
 * @param {string} dir
 * @param {readonly (readonly string[])[]} commands
 */
export async function codeForCalls(input, dir, commands) {
  // within the package, which says that these are modules
  const cache = path.join(root, ".cache");
  mkdirSync(cache, { recursive: true });
  const trial = mkdtempSync(path.join(cache, "trial-"));
  try {
    await code(input, trial);
    await code(input, dir, { plugins: [eagerFunctions(calledFunctions(trial, commands))] });
  } finally {
    rmSync(trial, { recursive: true });
  }
}

/** @param {readonly string[]} names */
const sources = (names) => Object.fromEntries(names.map((name) => [name, `src/${name}.ts`]));

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
    codeForCalls(sources(ENTRIES), dist, [["cli/main.js", "verify", ...VERIFIED]]),
    ...THREADS.map((name) => code(sources([name]), dist, { whole: true })),
  ]);
  removeOlder(started);
  // the tests build anew when a source is younger than this
  utimesSync(path.join(dist, "index.js"), started, started);
  return status;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = await build();
