// A few scripts on the simulator and on the host's real ring: some random ones, some of wrong fields; `npm run diff -- sim`
// plays all of them. And differences that were found once: testdata/sim holds the scripts.

import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { probeIoUring } from "../src/sys/index.ts";
import { badFieldScripts } from "./diff-sim/bad-fields.ts";
import { Coverage } from "./diff-sim/coverage.ts";
import { generate } from "./diff-sim/generate.ts";
import { playBoth, playSim } from "./diff-sim/play-both.ts";
import type { Script } from "./diff-sim/script.ts";

const FIXTURES = path.join(import.meta.dirname, "../testdata/sim");
const SEEDS = 40;
/** Every so many of the wrong fields: at least one of each opcode, which has twelve. */
const EVERY = 11;

const probe = probeIoUring();
const missing = probe.available ? (process.arch === "x64" ? undefined : "the scripts need x86-64") : probe.why;

const fields = badFieldScripts().filter((_, i) => i % EVERY === 0);
const random = Array.from({ length: SEEDS }, (_, i) => generate(i + 1));
const fixtures = readdirSync(FIXTURES)
  .filter((name) => name.endsWith(".json"))
  .map((name) => [name, JSON.parse(readFileSync(path.join(FIXTURES, name), "utf8")) as Script] as const);

describe(
  missing === undefined ? "the simulator and this machine's ring" : `no ring to compare with: ${missing}`,
  () => {
    const alike = (script: Script, what: string): void => expect(playBoth(script).difference, what).toBeUndefined();

    it.skipIf(missing !== undefined)("answer random scripts the same", () => {
      for (const script of random) alike(script, `seed ${script.seed}`);
    });

    it.skipIf(missing !== undefined)("answer wrong fields the same", () => {
      for (const script of fields) alike(script, script.title);
    });

    it.skipIf(missing !== undefined).each(fixtures)("answer what once differed the same: %s", (name, script) =>
      alike(script, name),
    );
  },
);

describe("scripts", () => {
  const cover = (scripts: readonly Script[]): Coverage => {
    const coverage = new Coverage();
    for (const script of scripts) coverage.add(script, playSim(script));
    return coverage;
  };

  it("try every simulated opcode", () => {
    // no kernel before Linux 7.0 has this one
    expect(cover([...fields, ...random]).missing).toEqual(["NOP128"]);
  });

  it("and their answers are the same for the same seeds", () => {
    const first = cover(random);
    const again = cover(random.map(({ seed }) => generate(seed)));
    expect(again.digest).toBe(first.digest);
    expect(first.completions).toBeGreaterThan(SEEDS);
  });
});
