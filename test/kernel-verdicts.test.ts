// Our loader asks Linux what was recorded when libbpf asked it: each object of ../shared/verdicts gets the same verdict, with
// the same errno and the same reason, when it is loaded by the kernel engine. Inside the rig only.

import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { LoopstepError } from "../src/base/index.ts";
import { openEngine, openObject } from "../src/engine/index.ts";
import type { Engine } from "../src/loop/index.ts";
import { missingLoops } from "./missing-loops.ts";
import { missingShared, sharedPath } from "./shared-data.ts";

interface Recorded {
  readonly object: string;
  readonly verdict: string;
  readonly errno: number;
  readonly error: string;
}

const missing = missingShared("verdicts/verdicts.jsonl") ?? missingLoops();
const recorded: Recorded[] = missing
  ? []
  : readFileSync(sharedPath("verdicts/verdicts.jsonl"), "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Recorded);

/** "accepted", or the errno and what the kernel said. */
async function verdictOf(engine: Engine, file: string): Promise<{ readonly errno: number; readonly log: string }> {
  try {
    (await engine.load(await openObject(sharedPath(`verdicts/${file}`))))[Symbol.dispose]();
    return { errno: 0, log: "" };
  } catch (error) {
    if (!(error instanceof LoopstepError)) throw error;
    // what libbpf finds out before it asks the kernel, the object's resolution finds out here
    if (error.code === "OBJECT_KFUNC")
      return { errno: 22, log: `kfunc '${error.found}' is referenced but wasn't resolved` };
    const { errno, log } = error as LoopstepError & { readonly errno?: number; readonly log?: string };
    return { errno: -(errno ?? 0), log: log ?? error.message };
  }
}

it.skipIf(missing !== undefined)(
  `Linux says of every recorded object what it said then${missing ? ` (${missing})` : ""}`,
  async () => {
    using engine = await openEngine("kernel");
    const differences: unknown[] = [];
    for (const { object, errno, error } of recorded) {
      const now = await verdictOf(engine, object);
      if (now.errno !== errno || !now.log.includes(error))
        differences.push({ object, errno, error, now: now.errno, log: now.log.slice(-400) });
    }
    expect(recorded.length).toBeGreaterThan(100);
    expect(differences).toEqual([]);
  },
  600_000,
);
