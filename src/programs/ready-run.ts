// Running a ready-made program from a host: opened, its globals set, loaded, attached, run, its own result looked at.

import type { BtfWritable } from "../bpf/btf/index.ts";
import { openObject } from "../engine/index.ts";
import { DEFAULT_SETUP_FLAGS, type Engine, type LoadedObject, type RunOptions, type RunStats } from "../loop/index.ts";
import { findProgram } from "./collection.ts";

/** How a run went, and the object's values after it. */
export interface ReadyRun {
  readonly stats: RunStats;
  /** The program's visible globals after the run. */
  readonly globals: LoadedObject["bss"];
}

/** Runs the program `name` on a ring of `entries` of its own. Throws what failed: LoopError, VmFault, ProgramError. */
export async function runReady(
  engine: Engine,
  name: string,
  entries: number,
  values: Readonly<Record<string, BtfWritable>>,
  options: RunOptions,
): Promise<ReadyRun> {
  const program = findProgram(name)!;
  const object = await openObject(program.object);
  using ring = engine.createRing({ entries, cq_entries: entries, flags: DEFAULT_SETUP_FLAGS });
  object.bind(ring.params);
  for (const [global, value] of Object.entries(values)) object.values.set(global, value);
  using loaded = await engine.load(object);
  using link = loaded.attach(undefined, ring);
  await ring.run(options);
  link.detach();
  const failure = program.failure((global) => loaded.values.get(global));
  if (failure) throw failure;
  const globals = Object.fromEntries(
    object.globals.filter(({ local }) => !local).map(({ name: global }) => [global, loaded.values.get(global)]),
  );
  return { stats: ring.stats, globals };
}
