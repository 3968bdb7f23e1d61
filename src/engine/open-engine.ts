// Choosing an engine: by name, or `auto`: the best one that works, and why. Engines are loaded when asked for.

import { LoopstepError } from "../base/index.ts";
import { UnsupportedError, type Engine, type EngineName, type EngineOptions } from "../loop/index.ts";

/** What --engine takes. */
export const ENGINE_CHOICES: readonly (EngineName | "auto")[] = ["auto", "kernel", "user", "sim"];

type Opener = (options: EngineOptions) => Engine | Promise<Engine>;

/** In order of preference of `auto`. */
const OPENERS: Readonly<Partial<Record<EngineName, () => Promise<Opener>>>> = {
  kernel: async () => (await import("./kernel/index.ts")).openKernelEngine,
  user: async () => (await import("./user/index.ts")).openUserEngine,
  sim: async () => (await import("./sim/node/index.ts")).openSimOverFiles,
};

/** Opens an engine. Throws UnsupportedError when it cannot be had here; with `auto`, when none can. */
export async function openEngine(name: EngineName | "auto" = "auto", options: EngineOptions = {}): Promise<Engine> {
  if (name !== "auto") {
    const opener = OPENERS[name];
    if (!opener) {
      throw new UnsupportedError("ENGINE_UNAVAILABLE", {
        message: `there is no engine ${name} in this version`,
        expected: ENGINE_CHOICES.join(", "),
      });
    }
    return (await opener())(options);
  }
  const passedOver: string[] = [];
  for (const [candidate, opener] of Object.entries(OPENERS)) {
    const open = await opener();
    try {
      return await open({ ...options, passedOver });
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
