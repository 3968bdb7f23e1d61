// One run, from an opened object to its result: engine, ring, settings, load, attach, run, and what is left behind.

import { closeSync, openSync, writeFileSync } from "node:fs";
import { errnoName, LoopstepError, EFAULT } from "../base/index.ts";
import type { BpfObject } from "../bpf/object/index.ts";
import { openEngine, readWhole } from "../engine/index.ts";
import {
  LoopError,
  PARAM_BY_PATH,
  type Engine,
  type EngineName,
  type EngineOptions,
  type LoadedObject,
  type Ring,
  type RingOptions,
  type RunOptions,
} from "../loop/index.ts";
import { isSameFile, type ReadyProgram } from "../programs/index.ts";
import { UsageError } from "./errors.ts";
import type { Setting } from "./settings.ts";

/** Inside `loopstep vm` this machine's files can be read only. */
const IN_RIG = process.env["LOOPSTEP_VM"] !== undefined;

/** What `loopstep run` was asked to do. */
export interface RunPlan {
  readonly engine: EngineName | "auto";
  readonly engineOptions: EngineOptions;
  readonly ring: RingOptions;
  readonly ops: string | undefined;
  readonly bind: boolean;
  readonly settings: readonly Setting[];
  /** File whose contents fill the parameter region, and file it is written to after the run. */
  readonly memIn: string | undefined;
  readonly memOut: string | undefined;
  /** The ready-made program this is: it can tell a failure of its own. */
  readonly program: ReadyProgram | undefined;
  readonly run: RunOptions;
  /** Ends what records the run; returns what went wrong there. */
  readonly endTrace?: () => LoopstepError | undefined;
}

/** What a map holds; `error` says why that cannot be told. */
export interface MapReport {
  readonly entries: readonly (readonly [unknown, unknown])[];
  readonly error?: Record<string, unknown>;
}

/** The result, in the form of `--json` (schema 1). */
export interface RunReport {
  readonly schemaVersion: 1;
  readonly engine: EngineName;
  readonly why: string;
  /** What io_uring_enter returns: 0 or a negative errno; its name in `errno`, null for 0. */
  readonly result: number;
  readonly errno: string | null;
  /** null where the engine cannot see it. */
  readonly steps: number | null;
  readonly submitted: number | null;
  readonly completed: number;
  readonly enters: number;
  readonly wallNs: number;
  readonly globals: Readonly<Record<string, unknown>>;
  readonly maps: Readonly<Record<string, MapReport>>;
  /** Why it failed, when it did. */
  readonly error?: Record<string, unknown>;
}

/** A finished run: the report, and the error it ended with. */
export interface Finished {
  readonly report: RunReport;
  readonly error: LoopstepError | undefined;
}

/** Runs `object` as `plan` says. `watch` is told how to see the progress. Throws what went wrong before the loop began. */
export async function runObject(object: BpfObject, plan: RunPlan, watch: Watch): Promise<Finished> {
  let finished: Finished;
  try {
    finished = await runInEngine(object, plan, watch);
  } catch (error) {
    plan.endTrace?.();
    throw error;
  }
  // closing the engine is a part of the trace
  const untraced = plan.endTrace?.();
  if (untraced === undefined || finished.error !== undefined) return finished;
  return { report: { ...finished.report, error: untraced.toJSON() }, error: untraced };
}

type Watch = (engine: Engine, ring: Ring) => Disposable;

async function runInEngine(object: BpfObject, plan: RunPlan, watch: Watch): Promise<Finished> {
  using engine = await openEngine(plan.engine, plan.engineOptions);
  // a wrong name, and a missing or ambiguous choice of ops, should be told before anything is made
  object.chooseStructOps(plan.ops);
  for (const { name } of plan.settings) object.values.spec(name);
  refuseSameFile(plan.settings);
  using ring = engine.createRing(plan.ring);
  if (plan.bind) object.bind(ring.params);
  const files: number[] = [];
  try {
    for (const setting of inOrder(plan.settings))
      object.values.set(setting.name, valueOf(setting, engine, ring, files));
    fillMem(ring, plan.memIn);
    if (plan.memOut !== undefined) tryToWrite(plan.memOut);
    using loaded = await engine.load(object);
    using link = loaded.attach(plan.ops, ring);
    const ended = await runRing(ring, plan.run, watch(engine, ring));
    link.detach();
    const error = ended ?? writeMem(ring.mem, plan.memOut) ?? plan.program?.failure((name) => loaded.values.get(name));
    return { report: report(engine, ring, loaded, ended, error), error };
  } finally {
    for (const fd of files) engine.closeFile(fd);
  }
}

async function runRing(ring: Ring, options: RunOptions, watching: Disposable): Promise<LoopstepError | undefined> {
  using _ = watching;
  try {
    await ring.run(options);
    return undefined;
  } catch (error) {
    if (error instanceof LoopstepError) return error;
    throw error;
  }
}

/** Truncating a file comes last: what is refused before it has lost nothing. */
const inOrder = (settings: readonly Setting[]): readonly Setting[] => [
  ...settings.filter(({ value }) => value.kind !== "create"),
  ...settings.filter(({ value }) => value.kind === "create"),
];

function refuseSameFile(settings: readonly Setting[]): void {
  const paths = (kind: "open" | "create"): string[] =>
    settings.flatMap(({ value }) => (value.kind === kind ? [value.path] : []));
  for (const to of paths("create")) {
    const from = paths("open").find((path) => isSameFile(path, to));
    if (from === undefined) continue;
    throw new UsageError("USAGE_FILE", {
      where: `@create:${to}`,
      message: `this is the file of @open:${from}, and would be emptied`,
      remedy: "Give another target.",
    });
  }
}

function valueOf({ name, value }: Setting, engine: Engine, ring: Ring, files: number[]): bigint {
  switch (value.kind) {
    case "number":
      return value.value;
    case "param":
      return BigInt(PARAM_BY_PATH[value.path](ring.params));
    case "buffer":
      return engine.buffer(value.bytes).address;
    case "open":
    case "create": {
      const fd = openFile(engine, name, value.path, value.kind === "open" ? "read" : "create");
      files.push(fd);
      return BigInt(fd);
    }
    default:
      return value satisfies never;
  }
}

function openFile(engine: Engine, name: string, path: string, mode: "read" | "create"): number {
  try {
    return engine.openFile(path, mode);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new UsageError("USAGE_FILE", {
      where: `--set ${name}`,
      message: `${path} cannot be ${mode === "read" ? "opened" : "created"}`,
      found: code,
      ...(code === "EROFS" && IN_RIG ? { remedy: "Name its folder: loopstep vm --writable DIR run ..." } : {}),
      cause,
    });
  }
}

function fillMem({ mem }: Ring, file: string | undefined): void {
  if (!mem || file === undefined) return;
  const bytes = readWhole(file, "the file for --mem", mem.length);
  if (bytes.length > mem.length) {
    throw new UsageError("USAGE_FILE", {
      where: `--mem ${file}`,
      message: "the file is larger than the region",
      found: `${bytes.length} bytes`,
      expected: `at most ${mem.length}`,
    });
  }
  mem.set(bytes);
}

function cannotWrite(file: string, cause: unknown): UsageError {
  return new UsageError("USAGE_FILE", {
    where: `--mem-out ${file}`,
    message: "the file cannot be written",
    found: (cause as NodeJS.ErrnoException).code,
    cause,
  });
}

/** Better told before the loop runs than after. What is in the file stays, it may be the one of --mem. */
function tryToWrite(file: string): void {
  try {
    closeSync(openSync(file, "a"));
  } catch (cause) {
    throw cannotWrite(file, cause);
  }
}

function writeMem(mem: Uint8Array | undefined, file: string | undefined): UsageError | undefined {
  if (!mem || file === undefined) return undefined;
  try {
    writeFileSync(file, mem);
    return undefined;
  } catch (cause) {
    return cannotWrite(file, cause);
  }
}

/** `ended`: why the loop did not stop by itself; `error`: that, or what went wrong after it. */
// The loop has run: a map that cannot be read must not take the rest with it.
function mapReport(map: LoadedObject["maps"][string]): MapReport {
  try {
    return { entries: map.entries() };
  } catch (error) {
    if (error instanceof LoopstepError) return { entries: [], error: error.toJSON() };
    throw error;
  }
}

function report(
  engine: Engine,
  ring: Ring,
  loaded: LoadedObject,
  ended: LoopstepError | undefined,
  error: LoopstepError | undefined,
): RunReport {
  const result = ended === undefined ? 0 : ended instanceof LoopError ? ended.errno : -EFAULT;
  const { steps, submitted, completed, enters, wallNs } = ring.stats;
  const visible = loaded.object.globals.filter(({ local }) => !local);
  return {
    schemaVersion: 1,
    engine: engine.name,
    why: engine.why,
    result,
    errno: result === 0 ? null : errnoName(-result),
    steps: steps ?? null,
    submitted: submitted ?? null,
    completed,
    enters,
    wallNs,
    globals: Object.fromEntries(visible.map(({ name }) => [name, loaded.values.get(name)])),
    maps: Object.fromEntries(Object.values(loaded.maps).map((map) => [map.name, mapReport(map)])),
    ...(error ? { error: error.toJSON() } : {}),
  };
}
