// Our loader asks Linux what was recorded when libbpf asked it: each object of ../shared/verdicts gets the same verdict, with
// the same errno and the same reason, when it is loaded by the kernel engine. And of each of its kfuncs, whether a loop may
// call it. Inside the rig only.

import { readFileSync } from "node:fs";
import { release } from "node:os";
import { expect, it } from "vitest";
import { LoopstepError } from "../src/base/index.ts";
import { Btf, type BtfDeclTag } from "../src/bpf/btf/index.ts";
import { asm } from "../src/bpf/isa/index.ts";
import { BPF_PROG_TYPE_STRUCT_OPS } from "../src/bpf/object/index.ts";
import { openEngine, openObject } from "../src/engine/index.ts";
import { LOOP_STEP_TYPE, type Engine } from "../src/loop/index.ts";
import { LinuxVerifier } from "./diff-verifier/linux.ts";
import { programOf } from "./diff-verifier/world.ts";
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

const missingKernel = missingLoops();

it.skipIf(missingKernel !== undefined)(
  `Linux lets a loop call the kfuncs that are listed${missingKernel ? ` (${missingKernel})` : ""}`,
  () => {
    const target = Btf.parse(readFileSync("/sys/kernel/btf/vmlinux"));
    const linux = new LinuxVerifier();
    const listed = new Set(LOOP_STEP_TYPE.kfuncs.map(({ name }) => name));
    const kind = { type: BPF_PROG_TYPE_STRUCT_OPS, sleepable: true, target };
    const differences: string[] = [];
    let asked = 0;
    for (const tag of target.ofKind("DECL_TAG")) {
      const { name, type: id } = target.type(tag) as BtfDeclTag;
      if (name !== "bpf_kfunc") continue;
      const kfunc = target.nameOf(id);
      const { log } = linux.verdict(
        programOf(asm(`call ${kfunc}\nr0 = 0\nexit`, { kfuncs: { [kfunc]: id } }), [0], kind),
      );
      const refused = /is not allowed$|require device-bound program$/m.test(log);
      // a newer kernel may have more
      if (refused ? listed.has(kfunc) : !listed.has(kfunc) && release().startsWith("7.2.")) differences.push(kfunc);
      asked++;
    }
    expect(differences).toEqual([]);
    expect(asked).toBeGreaterThan(200);
  },
  300_000,
);
