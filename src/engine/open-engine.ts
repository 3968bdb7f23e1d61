// Choosing an engine: by name, or `auto`: the best one that works, and why. Engines are loaded when asked for.

import { LoopstepError } from "../base/index.ts";
import { UnsupportedError, type Engine, type EngineName, type EngineOptions } from "../loop/index.ts";
import { kernelVersion } from "../sys/index.ts";
import { dropEarly, startEarly } from "./early-thread.ts";
import { formatKernelVersion, isAtLeast } from "../uring/abi/index.ts";
import type { EngineTracing } from "./tracing.ts";

/** What --engine takes. */
export const ENGINE_CHOICES: readonly (EngineName | "auto")[] = ["auto", "kernel", "user", "sim"];

/** Options that only some engines can follow, with what the others are to say. */
const ONLY_IN: readonly {
  readonly option: "faults";
  readonly engines: readonly EngineName[];
  readonly lack: string;
}[] = [{ option: "faults", engines: ["sim"], lack: "has no faults to order" }];

/** `tracing`: for the engines on a real kernel, when there is a trace. */
type Opener = (options: EngineOptions, tracing?: EngineTracing) => Engine | Promise<Engine>;

/** In order of preference of `auto`. */
const OPENERS: Readonly<Partial<Record<EngineName, () => Promise<Opener>>>> = {
  kernel: async () => (await import("./kernel/index.ts")).openKernelEngine,
  user: async () => (await import("./user/index.ts")).openUserEngine,
  sim: async () => (await import("./sim/node/index.ts")).openSimOverFiles,
};

/** The first kernel with BPF-controlled io_uring: below it the kernel engine need not even be loaded to know. */
const LOOPS_SINCE = "7.1";

/** Why `name` cannot work here, as far as that is known without loading it. */
function hopeless(name: EngineName): string | undefined {
  const version = kernelVersion();
  if (name !== "kernel" || isAtLeast(version, LOOPS_SINCE)) return undefined;
  return `Linux ${formatKernelVersion(version)} has no BPF-controlled io_uring`;
}

/**
 * Starts the thread of a ring that `openEngine(name)` will most likely need, which takes it over. For who has more to load
 * before that.
 */
export function expectEngine(name: EngineName | "auto"): void {
  const likely =
    name === "auto" ? (hopeless("kernel") === undefined && process.geteuid?.() === 0 ? "kernel" : "user") : name;
  if (likely !== "sim" && Object.hasOwn(OPENERS, likely)) startEarly(likely);
}

/** Opens an engine. Throws UnsupportedError when it cannot be had here; with `auto`, when none can. */
export async function openEngine(name: EngineName | "auto" = "auto", options: EngineOptions = {}): Promise<Engine> {
  try {
    return await open(name, options);
  } finally {
    dropEarly();
  }
}

async function open(name: EngineName | "auto", options: EngineOptions): Promise<Engine> {
  // the simulator has a clock of its own, and one thread
  const tracing =
    options.trace && name !== "sim" ? new (await import("./tracing.ts")).EngineTracing(options.trace) : undefined;
  if (name !== "auto") {
    const opener = Object.hasOwn(OPENERS, name) ? OPENERS[name] : undefined;
    if (!opener) {
      throw new UnsupportedError("ENGINE_UNAVAILABLE", {
        message: `there is no engine ${name} in this version`,
        expected: ENGINE_CHOICES.join(", "),
      });
    }
    refuseLacks(name, options);
    return (await opener())(options, tracing);
  }
  const passedOver: string[] = [];
  for (const [candidate, opener] of Object.entries(OPENERS) as [EngineName, () => Promise<Opener>][]) {
    const why = hopeless(candidate);
    if (why !== undefined) {
      passedOver.push(`not ${candidate}: ${why}`);
      continue;
    }
    try {
      refuseLacks(candidate, options);
      const openCandidate = await opener();
      return await openCandidate({ ...options, passedOver }, tracing);
    } catch (error) {
      if (!(error instanceof LoopstepError)) throw error;
      passedOver.push(`not ${candidate}: ${error.summary}`);
    }
  }
  throw new UnsupportedError("ENGINE_UNAVAILABLE", {
    message: "no engine works on this machine",
    found: passedOver.join("; "),
  });
}

/** Throws FEATURE_UNSUPPORTED for what `name` was asked and cannot do: a trace left empty would tell that nothing happened. */
function refuseLacks(name: EngineName, options: EngineOptions): void {
  for (const { option, engines, lack } of ONLY_IN) {
    if (options[option] === undefined || engines.includes(name)) continue;
    throw new UnsupportedError("FEATURE_UNSUPPORTED", {
      where: `engine ${name}`,
      message: `it ${lack}`,
      expected: `engine ${engines.join(" or ")}`,
      remedy: `Choose ${engines.join(" or ")}, or leave out ${option}.`,
    });
  }
}
