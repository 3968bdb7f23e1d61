// loopstep demo: the main job, end to end: copies a file of 64 MiB with the loop `cp`, checks it by SHA-256, and runs a
// million requests through the loop `nops`. What `npm start` runs.

import { createHash, randomFillSync } from "node:crypto";
import { mkdtempSync, openSync, closeSync, readSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expectEngine, openObject } from "../../engine/index.ts";
import { DEFAULT_SETUP_FLAGS } from "../../loop/index.ts";
import { findProgram } from "../../programs/index.ts";
import type { Command } from "../command.ts";
import { EXIT } from "../exit-status.ts";
import { interruption } from "../interruption.ts";
import { openProgress } from "../progress.ts";
import { duration, grouped } from "../report-text.ts";
import { runObject, type RunPlan, type RunReport } from "../session.ts";
import { parseSetting } from "../settings.ts";

const FILE_BYTES = 64 << 20;
const CHUNK = 256 << 10;
const NOPS = 1_000_000;
const BUFFER_SIZE = 256 << 10;
const NR_BUFFERS = 8;

export const demoCommand: Command = {
  name: "demo",
  usage: "loopstep demo",
  words: [0, 0],
  options: {},
  async run() {
    // an interrupted demo cleans up behind itself
    const signal = interruption();
    expectEngine("auto");
    const dir = mkdtempSync(path.join(tmpdir(), "loopstep-demo-"));
    try {
      const same = await copy(dir, signal);
      await nops(signal);
      return same ? EXIT.ok : EXIT.failed;
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  },
};

async function copy(dir: string, signal: AbortSignal): Promise<boolean> {
  const from = path.join(dir, "from");
  const to = path.join(dir, "to");
  writeRandomFile(from);
  const settings = [
    `in_fd=@open:${from}`,
    `out_fd=@create:${to}`,
    `buffers=@buffer:${NR_BUFFERS * BUFFER_SIZE}`,
    `buffer_size=${BUFFER_SIZE}`,
    `nr_buffers=${NR_BUFFERS}`,
  ];
  const report = await runProgram("cp", NR_BUFFERS, settings, signal);
  const [before, after] = [sha256(from), sha256(to)];
  print(`cp    ${FILE_BYTES >> 20} MiB, ${NR_BUFFERS} buffers of ${BUFFER_SIZE >> 10} KiB`, report);
  process.stdout.write(
    `      SHA-256 ${before.slice(0, 16)}... ${before === after ? "identical" : `differs: ${after.slice(0, 16)}...`}\n`,
  );
  return before === after;
}

async function nops(signal: AbortSignal): Promise<void> {
  const depth = 32;
  const report = await runProgram("nops", depth, [`reqs_to_run=${NOPS}`, `queue_depth=${depth}`], signal);
  print(`nops  ${grouped(NOPS)} requests, ${depth} in flight`, report);
  process.stdout.write(`      ${duration(report.wallNs / NOPS)} a request\n`);
}

async function runProgram(
  name: string,
  entries: number,
  settings: readonly string[],
  signal: AbortSignal,
): Promise<RunReport> {
  const program = findProgram(name)!;
  const object = await openObject(program.object);
  const plan: RunPlan = {
    engine: "auto",
    engineOptions: {},
    ring: { entries, cq_entries: entries, flags: DEFAULT_SETUP_FLAGS },
    ops: undefined,
    bind: true,
    settings: settings.map(parseSetting),
    memIn: undefined,
    memOut: undefined,
    program,
    run: { signal },
  };
  using progress = openProgress(process.stderr, false);
  progress.update(`running ${name}`);
  const { report, error } = await runObject(object, plan, () => ({ [Symbol.dispose]() {} }));
  if (error) throw error;
  return report;
}

function print(title: string, { engine, why, steps, submitted, completed, enters, wallNs }: RunReport): void {
  process.stdout.write(
    `${title}\n` +
      `      engine ${engine}: ${why}\n` +
      `      steps ${steps === null ? "not visible" : grouped(steps)}, requests ${grouped(submitted ?? completed)}, system calls ${grouped(enters)}, time ${duration(wallNs)}\n`,
  );
}

function writeRandomFile(file: string): void {
  const chunk = randomFillSync(Buffer.alloc(CHUNK));
  const fd = openSync(file, "w");
  try {
    for (let written = 0; written < FILE_BYTES; written += CHUNK) {
      chunk.writeUInt32LE(written, 0);
      writeSync(fd, chunk);
    }
  } finally {
    closeSync(fd);
  }
}

/** One buffer for the whole file: the demo is to stay small. */
function sha256(file: string): string {
  const hash = createHash("sha256");
  const chunk = Buffer.alloc(CHUNK);
  const fd = openSync(file, "r");
  try {
    for (let got = readSync(fd, chunk); got > 0; got = readSync(fd, chunk)) hash.update(chunk.subarray(0, got));
  } finally {
    closeSync(fd);
  }
  return hash.digest("hex");
}
