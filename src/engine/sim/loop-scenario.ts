// A scenario out of a BPF object: each run loads it into a fresh `sim` engine with files in memory, runs it once, and looks
// at what came of it.

import { LoopstepError } from "../../base/index.ts";
import type { BpfObject } from "../../bpf/object/index.ts";
import { VmFault } from "../../bpf/vm/index.ts";
import { LoopError, type Ring, type RingOptions } from "../../loop/index.ts";
import { MemoryWorld, SimError } from "../../uring/sim/index.ts";
import type { Check } from "./check-expression.ts";
import type { Problem, Scenario } from "./explore.ts";
import { openSimEngine, type SimEngine } from "./sim-engine.ts";
import type { SimRing } from "./sim-ring.ts";

/** What to run. */
export interface LoopScenario {
  /** Opens the object anew: its values are set for each run. */
  readonly open: () => BpfObject | Promise<BpfObject>;
  readonly ops?: string;
  readonly ring: RingOptions;
  /** Files of the world at the start, by absolute path. */
  readonly files?: Readonly<Record<string, Uint8Array>>;
  /** false: leave globals named like ring parameters alone. Default true. */
  readonly bind?: boolean;
  /** Sets globals, opens files, makes buffers. */
  readonly prepare?: (object: BpfObject, engine: SimEngine, ring: Ring) => void;
  /** What must hold afterwards. */
  readonly check?: Check;
  /** Default 100,000. */
  readonly maxSteps?: number;
  /** Requests still in flight after the loop stopped are a problem. Default true. */
  readonly leaks?: boolean;
  /** A loop that reports an error by its result is no problem, as long as `check` holds. Default false. */
  readonly mayFail?: boolean;
}

/** The scenario of a loop. */
export function loopScenario(options: LoopScenario): Scenario {
  // One verdict serves all runs: they differ in nothing the verifier sees.
  let verified = false;
  return async ({ seed, faults, trace }) => {
    const world = new MemoryWorld();
    for (const [path, contents] of Object.entries(options.files ?? {})) world.writeFile(path, contents);
    using engine = openSimEngine({
      world,
      seed,
      faults,
      ...(trace === undefined ? {} : { trace }),
      maxMemory: 16 << 20,
      interpret: true,
      verify: !verified,
    });
    const ring = engine.createRing(options.ring) as SimRing;
    const object = await options.open();
    if (options.bind !== false) object.bind(ring.params);
    options.prepare?.(object, engine, ring);
    using loaded = await engine.load(object);
    verified = true;
    using link = loaded.attach(options.ops, ring);
    let result = 0;
    try {
      ring.runSync({ maxSteps: options.maxSteps ?? 100_000 });
    } catch (error) {
      const problem = problemOf(error);
      if (problem.kind !== "result" || options.mayFail !== true) return problem;
      result = (error as LoopError).errno;
    }
    void link;
    const inFlight = ring.kernelRing.inFlight;
    if (options.leaks !== false && inFlight > 0) {
      return { kind: "leak", message: `${inFlight} requests are still in flight after the loop stopped` };
    }
    const global = (name: string): bigint | undefined => {
      if (name === "result" && !loaded.values.has(name)) return BigInt(result);
      if (!loaded.values.has(name)) return undefined;
      const value = loaded.values.get(name);
      return typeof value === "bigint" || typeof value === "number" ? BigInt(value) : undefined;
    };
    const scope = { global, file: (path: string): Uint8Array | undefined => world.readFile(path) };
    if (options.check !== undefined && !options.check(scope)) {
      return { kind: "check", message: `the check does not hold: ${options.check.tell(scope)}`.replace(/: $/, "") };
    }
    return undefined;
  };
}

function problemOf(error: unknown): Problem {
  if (error instanceof SimError && error.code === "SIM_HANG") return { kind: "hang", message: error.message };
  if (error instanceof VmFault) return { kind: "fault", message: error.message };
  if (error instanceof LoopError) {
    return { kind: error.code === "LOOP_STEPS" ? "steps" : "result", message: error.message };
  }
  if (error instanceof LoopstepError) return { kind: "error", message: error.message };
  throw error;
}
