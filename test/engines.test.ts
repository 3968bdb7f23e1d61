// Every engine against one list of cases. An engine that cannot be opened here is skipped with the reason, and the skip is
// itself checked: it must be for a reason the machine gives, not for a defect.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openEngine } from "../src/engine/index.ts";
import { UnsupportedError, type Engine, type EngineName, type EngineOptions } from "../src/loop/index.ts";
import { probeIoUring } from "../src/sys/index.ts";
import { ENGINE_CASES } from "./engine-cases.ts";
import { missingLoops } from "./missing-loops.ts";
import { RING_CASES } from "./ring-cases.ts";

const CASES = [...ENGINE_CASES, ...RING_CASES];

interface Variant {
  readonly engine: EngineName;
  readonly options: EngineOptions;
  /** Why this machine cannot, or undefined. */
  readonly missing: () => string | undefined;
}

const noRing = (): string | undefined => {
  const probe = probeIoUring();
  return probe.available ? undefined : probe.why;
};

const VARIANTS: readonly Variant[] = [
  { engine: "user", options: {}, missing: noRing },
  { engine: "user", options: { interpret: true }, missing: noRing },
  { engine: "user", options: { trace: () => {} }, missing: noRing },
  { engine: "sim", options: {}, missing: () => undefined },
  { engine: "sim", options: { interpret: true }, missing: () => undefined },
  { engine: "kernel", options: {}, missing: missingLoops },
];

/** The variants asked for, by commas: in the rig those that the kernel makes a difference to. All unless given. */
const WANTED = process.env["LOOPSTEP_ENGINES"]?.split(",");
const titleOf = ({ engine, options }: Variant): string => [engine, ...Object.keys(options)].join(" ");

it("knows the variants it is asked for", () => {
  expect(VARIANTS.map(titleOf)).toEqual(expect.arrayContaining(WANTED ?? []));
});

for (const variant of VARIANTS.filter((one) => WANTED?.includes(titleOf(one)) ?? true)) {
  const { engine: name, options, missing } = variant;
  const reason = missing();
  const title = `engine ${titleOf(variant)}`;
  if (reason !== undefined) {
    describe(`${title} is not available: ${reason}`, () => {
      it("says so itself", async () => {
        await expect(openEngine(name, options)).rejects.toBeInstanceOf(UnsupportedError);
      });
      for (const { name: title } of CASES) it.skip(title, () => {});
    });
    continue;
  }
  describe(title, () => {
    let engine: Engine;
    beforeAll(async () => {
      engine = await openEngine(name, options);
    });
    afterAll(() => engine[Symbol.dispose]());
    for (const { name: title, not, run } of CASES) {
      const why = not?.[name];
      if (why === undefined) it(title, () => run(engine));
      else it.skip(`${title} (${why})`, () => {});
    }
  });
}
