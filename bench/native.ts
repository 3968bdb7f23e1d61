// Peers that are programs of their own: compiled when a compiler is there, run as a child process that times itself.

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

/** A directory that is removed when the process ends. */
export function scratchDirectory(): string {
  const directory = mkdtempSync(path.join(tmpdir(), "loopstep-bench-"));
  process.on("exit", () => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** True when the command can be started. */
export function hasCommand(command: string): boolean {
  return spawnSync(command, ["--version"], { stdio: "ignore" }).status === 0;
}

/** Runs a compiler; throws with its words when it fails. */
export function build(command: string, args: readonly string[]): void {
  const { status, stderr, error } = spawnSync(command, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${command} failed: ${stderr || error?.message}`);
}

/** Runs a driver that prints a result and nanoseconds a call. */
export function runDriver(file: string, args: readonly string[]): { readonly result: string; readonly ns: number } {
  const { status, stdout, stderr, error } = spawnSync(file, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${path.basename(file)} failed: ${stderr || error?.message || `status ${status}`}`);
  const [result, ns] = stdout.trim().split(" ");
  return { result: result, ns: Number(ns) };
}

/** A measurement by a driver whose first argument is the number of calls. */
export function driverTime(file: string, ...rest: readonly string[]): (forNs: number) => number {
  let perCall = 0;
  return (forNs) => {
    if (perCall === 0) perCall = runDriver(file, ["1", ...rest]).ns;
    const calls = Math.max(1, Math.round(forNs / perCall));
    const { ns } = runDriver(file, [String(calls), ...rest]);
    perCall = ns;
    return ns;
  };
}
