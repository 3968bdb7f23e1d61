// The command line as a process of its own, from dist/: what a shell would see of it.

import { spawn, type ChildProcess } from "node:child_process";
import path from "node:path";
import { probeIoUring } from "../src/sys/index.ts";

export const ROOT: string = path.dirname(import.meta.dirname);
const MAIN = path.join(ROOT, "dist/cli/main.js");

/** Path of a program of testdata/loops. */
export const loopPath = (name: string): string => path.join(ROOT, `testdata/loops/${name}.bpf.o`);

/** Why nothing can run on a real ring here, or undefined. */
export function missingRing(): string | undefined {
  const probe = probeIoUring();
  return probe.available ? undefined : probe.why;
}

/** A process that ended. */
export interface Ended {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A process that runs. */
export interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
}

export interface SpawnOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Words before `node`: a program that starts it differently. */
  readonly wrapper?: readonly string[];
  /** The script; default the command line. */
  readonly script?: string;
}

/** Starts `loopstep WORDS`. */
export function start(words: readonly string[], { cwd, env, wrapper = [], script = MAIN }: SpawnOptions = {}): Running {
  const [command = "", ...args] = [...wrapper, process.execPath, script, ...words];
  const child = spawn(command, args, {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...env },
    ...(cwd === undefined ? {} : { cwd }),
  });
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (status, signal) => resolve({ status, signal, stdout, stderr }));
  });
  return { child, ended };
}

/** Runs `loopstep WORDS` to its end. */
export const loopstep = (words: readonly string[], options?: SpawnOptions): Promise<Ended> =>
  start(words, options).ended;

/** The one object that `--json` prints. */
export const jsonOf = ({ stdout }: Ended): Record<string, unknown> & { globals: Record<string, unknown> } =>
  JSON.parse(stdout) as never;
