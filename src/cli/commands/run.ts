// loopstep run FILE: opens, sets, loads, attaches, runs, prints.

import { DEFAULT_SETUP_FLAGS, type Engine, type EngineName, type Ring } from "../../loop/index.ts";
import { ENGINE_CHOICES, expectEngine } from "../../engine/index.ts";
import type { Command, ParsedOptions } from "../command.ts";
import { UsageError } from "../errors.ts";
import { EXIT } from "../exit-status.ts";
import { interruption } from "../interruption.ts";
import { toJson } from "../json.ts";
import { ringOf } from "../ring-options.ts";
import { openProgress } from "../progress.ts";
import { formatReport } from "../report-text.ts";
import type { RunPlan } from "../session.ts";
import { parseNumber, parseSetting } from "../settings.ts";
import { statusOf } from "../status-of.ts";
import type { TraceFile } from "../trace-file.ts";
import { resultStream, TRACE_FORMATS, traceFormatOf } from "../trace-format.ts";

const MAX_INT = 2 ** 31 - 1;
const PROGRESS_MS = 200;
const PAGE = 4096n;
const MAX_MEM = 1n << 30n;

export const runCommand: Command = {
  name: "run",
  usage: "loopstep run FILE|PROGRAM [OPTION...]",
  words: [1, 1],
  options: {
    engine: { value: "NAME", help: `${ENGINE_CHOICES.join(", ")} (default auto)` },
    ops: { value: "NAME", help: "the struct_ops map to attach, when there are several" },
    entries: { value: "N", help: "submission queue entries (default 8)" },
    "cq-entries": { value: "N", help: "completion queue entries (default as many)" },
    setup: { value: "FLAG,FLAG", help: `setup flags (default ${DEFAULT_SETUP_FLAGS.join(",")})` },
    set: {
      value: "NAME=VALUE",
      many: true,
      help: "a global: a number, @open:PATH, @create:PATH, @buffer:BYTES, @cq_off.head and the like",
    },
    "no-bind": { help: "leave globals named like ring parameters alone" },
    mem: { value: "BYTES[:FILE]", help: "register IOU_REGION_MEM, filled from FILE" },
    "mem-out": { value: "FILE", help: "write the region out after the run" },
    steps: { value: "N", help: "stop after N steps (an error)" },
    timeout: { value: "MS", help: "stop after so many milliseconds (an error)" },
    seed: { value: "N", help: "seed of bpf_get_prandom_u32, and of the schedule in sim (default 1)" },
    faults: { value: "PLAN.json", help: "what is to go wrong (sim)" },
    trace: {
      value: "FILE",
      help: "write every request, completion, step, wait, fault and changed global there; - is stdout",
    },
    "trace-format": { value: "NAME", help: `${TRACE_FORMATS.join(", ")} (default jsonl)` },
    "no-verify": { help: "skip the verifier (user and sim; accesses are checked as they happen)" },
    interpret: { help: "interpret instead of compiling to WebAssembly" },
    json: { help: "print one JSON object on stdout; nothing when the loop was not started" },
    quiet: { help: "print nothing but errors" },
  },
  notes: [
    "Exit status: 0 the loop stopped by itself; 1 it failed, or the program did at its work; 2 bad usage; 3 the verifier",
    "rejected it; 4 not supported here. What went wrong is said on stderr. With --json a loop that was started has its object",
    "on stdout, however it ended; where none was started stdout stays empty.",
    "Traces and fault plans are described in docs/trace-format.md; engines that have none refuse them, auto passes them over.",
  ],
  async run(options) {
    const output = resultStream(options);
    const asked = await planOf(options);
    // a thread that is traced is told so when it starts
    if (asked.engineOptions.trace === undefined) expectEngine(asked.engine);
    const [{ openFileOrProgram, programNamed }, { runObject }] = await Promise.all([
      import("../locate.ts"),
      import("../session.ts"),
    ]);
    const file = options.positionals[0];
    const object = await openFileOrProgram(file);
    const quiet = options.flag("quiet");
    const { report, error } = await runObject(object, { ...asked, program: programNamed(file) }, (engine, ring) =>
      watch(engine, ring, quiet || options.flag("json")),
    );
    if (options.flag("json")) output.write(`${toJson(report)}\n`);
    else if (!quiet) output.write(formatReport(report));
    if (!error) return EXIT.ok;
    process.stderr.write(`loopstep: ${error.message}\n`);
    return statusOf(error);
  },
};

async function planOf(options: ParsedOptions): Promise<Omit<RunPlan, "program">> {
  const engine = options.text("engine") ?? "auto";
  if (!(ENGINE_CHOICES as readonly string[]).includes(engine)) {
    throw new UsageError("USAGE_VALUE", {
      where: `--engine ${engine}`,
      message: "there is no such engine",
      expected: ENGINE_CHOICES.join(", "),
    });
  }
  const { bytes, file } = memOf(options.text("mem"));
  const seed = options.integer("seed", 0, Number.MAX_SAFE_INTEGER);
  const maxSteps = options.integer("steps", 1, MAX_INT);
  const timeoutMs = options.integer("timeout", 1, MAX_INT);
  const quiet = options.flag("quiet");
  const faults = options.text("faults");
  const trace = await traceOf(options);
  return {
    engine: engine as EngineName | "auto",
    engineOptions: {
      interpret: options.flag("interpret"),
      verify: !options.flag("no-verify"),
      onPrintk: (line) => void (quiet || process.stderr.write(`${line}\n`)),
      ...(seed === undefined ? {} : { seed }),
      ...(faults === undefined ? {} : { faults: (await import("../fault-plan.ts")).readFaultPlan(faults) }),
      ...(trace === undefined ? {} : { trace: trace.sink }),
    },
    ring: { ...ringOf(options), ...(bytes === undefined ? {} : { mem: bytes }) },
    ops: options.text("ops"),
    bind: !options.flag("no-bind"),
    settings: options.list("set").map(parseSetting),
    memIn: file,
    memOut: memOutOf(options.text("mem-out"), bytes),
    run: {
      signal: interruption(),
      ...(maxSteps === undefined ? {} : { maxSteps }),
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
    },
    endTrace: () => trace?.end(),
  };
}

/** What writes traces is loaded for them only. */
async function traceOf(options: ParsedOptions): Promise<TraceFile | undefined> {
  const file = options.text("trace");
  const format = traceFormatOf(options.text("trace-format"), file);
  return file === undefined ? undefined : (await import("../trace-file.ts")).openTraceFile(file, format);
}

function memOf(text: string | undefined): { bytes: number | undefined; file: string | undefined } {
  if (text === undefined) return { bytes: undefined, file: undefined };
  const [size = "", ...file] = text.split(":");
  const where = `--mem ${text}`;
  const bytes = parseNumber(size, where);
  if (bytes <= 0n || bytes > MAX_MEM || bytes % PAGE !== 0n) {
    throw new UsageError("USAGE_VALUE", {
      where,
      message: "the region's size is out of range, or not in whole pages",
      found: `${bytes}`,
      expected: `a multiple of ${PAGE}, up to 1 GiB`,
    });
  }
  return { bytes: Number(bytes), file: file.length > 0 ? file.join(":") : undefined };
}

function memOutOf(file: string | undefined, bytes: number | undefined): string | undefined {
  if (file === undefined || bytes !== undefined) return file;
  throw new UsageError("USAGE_OPTION", {
    where: `--mem-out ${file}`,
    message: "there is no region to write out",
    remedy: "Register one with --mem BYTES.",
  });
}

function watch(engine: Engine, ring: Ring, silent: boolean): Disposable {
  const progress = openProgress(process.stderr, silent);
  const started = performance.now();
  const timer = setInterval(() => {
    const steps = ring.stepsSoFar;
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    progress.update(
      `${engine.name}: ${seconds} s${steps === undefined ? "" : `, ${steps.toLocaleString("en")} steps`}`,
    );
  }, PROGRESS_MS);
  return {
    [Symbol.dispose]() {
      clearInterval(timer);
      progress[Symbol.dispose]();
    },
  };
}
