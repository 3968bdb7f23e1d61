// What `loopstep explore` runs, as plain data that any thread can turn into the same scenario. Files named by settings lie
// in each run's world in memory, under the path given; what a run creates is gone after it.

import { BpfObject } from "../bpf/object/index.ts";
import { compileCheck, loopScenario, type Scenario } from "../engine/sim/index.ts";
import { PARAM_BY_PATH, type RingOptions } from "../loop/index.ts";
import type { FaultPlan } from "../uring/sim/index.ts";
import { readInput } from "./files.ts";
import type { Setting } from "./settings.ts";

/** One exploration; crosses threads. */
export interface ExploreJob {
  /** The object's file. */
  readonly object: Uint8Array;
  readonly name: string;
  readonly ops: string | undefined;
  readonly ring: RingOptions;
  readonly bind: boolean;
  readonly settings: readonly Setting[];
  /** Contents of what `@open:PATH` names, by path. */
  readonly files: Readonly<Record<string, Uint8Array>>;
  readonly plan: FaultPlan;
  readonly check: string | undefined;
  readonly maxSteps: number;
  readonly mayFail: boolean;
  readonly leaks: boolean;
  readonly maxFindings: number;
}

/** The files that settings read. Throws FileError. */
export function filesOf(settings: readonly Setting[]): Record<string, Uint8Array> {
  const files: Record<string, Uint8Array> = {};
  for (const { value } of settings) {
    if (value.kind !== "open") continue;
    files[value.path] = readInput(value.path);
  }
  return files;
}

/** The scenario of a job. Throws CheckError for an expression that cannot be read. */
export function scenarioOf(job: ExploreJob): Scenario {
  const { object, name, ops, ring, bind, settings, check, maxSteps, mayFail, leaks } = job;
  const created = settings.flatMap(({ value }) => (value.kind === "create" ? [value.path] : []));
  // A world of its own has no folders but those its files lie in.
  const empty = Object.fromEntries(created.map((path) => [path, new Uint8Array()]));
  return loopScenario({
    open: () => BpfObject.open(object, { name }),
    ...(ops === undefined ? {} : { ops }),
    ring,
    bind,
    files: { ...empty, ...job.files },
    prepare(opened, engine, { params }) {
      for (const { name: global, value } of settings) {
        switch (value.kind) {
          case "number":
            opened.values.set(global, value.value);
            break;
          case "param":
            opened.values.set(global, BigInt(PARAM_BY_PATH[value.path](params)));
            break;
          case "buffer":
            opened.values.set(global, engine.buffer(value.bytes).address);
            break;
          case "open":
          case "create":
            opened.values.set(global, BigInt(engine.openFile(value.path, value.kind === "open" ? "read" : "create")));
            break;
          default:
            value satisfies never;
        }
      }
    },
    ...(check === undefined ? {} : { check: compileCheck(check) }),
    maxSteps,
    mayFail,
    leaks,
  });
}
