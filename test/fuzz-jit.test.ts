// Interpreter against JIT: generated programs, and all that ever differed (testdata/jit). FUZZ_RUNS sets how many programs,
// FUZZ_SEED which; a nightly run has 100,000.

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { fnv1a, fromHex } from "../src/base/index.ts";
import { decode, disasm } from "../src/bpf/isa/index.ts";
import { draft } from "./fuzz-jit-draft.ts";
import { assemble, difference, FuzzWorld, type FuzzProgram } from "./fuzz-jit.ts";

const FIXTURES = fileURLToPath(new URL("../testdata/jit/", import.meta.url));
const RUNS = Number(process.env["FUZZ_RUNS"] ?? 300);
const SEED = Number(process.env["FUZZ_SEED"] ?? Date.now() % 0x7fffffff);

test.each(readdirSync(FIXTURES).filter((name) => name.endsWith(".json")))("once failed: %s", (name) => {
  const program = JSON.parse(readFileSync(`${FIXTURES}${name}`, "utf8")) as FuzzProgram;
  expect(difference(program, new FuzzWorld())).toBeUndefined();
});

function save(program: FuzzProgram): string {
  const name = `${fnv1a(new TextEncoder().encode(program.program)).toString(16)}.json`;
  mkdirSync(FIXTURES, { recursive: true });
  writeFileSync(`${FIXTURES}${name}`, `${JSON.stringify(program, undefined, 2)}\n`);
  return name;
}

// A long run is cut into pieces, each with a world and a seed of its own drawn from the one seed, so that none grows old; and
// FUZZ_PART=2/4 makes the second quarter of the pieces, for a machine that is wanted by others in between.
const PIECE = 2000;
const [PART, PARTS] = (process.env["FUZZ_PART"] ?? "1/1").split("/").map(Number) as [number, number];
const PIECES = Array.from({ length: Math.ceil(RUNS / PIECE) }, (_, i) => ({
  piece: i + 1,
  runs: Math.min(PIECE, RUNS - i * PIECE),
  seed: i === 0 ? SEED : (Math.imul(SEED + i, 0x9e3779b1) >>> 1) | 0,
})).filter((_, i, all) => Math.floor((i * PARTS) / all.length) === PART - 1);

test.each(PIECES)(
  `generated programs, FUZZ_RUNS=${RUNS} FUZZ_SEED=${SEED}: piece $piece, $runs of them`,
  ({ runs, seed }) => {
    const world = new FuzzWorld();
    const property = fc.property(draft, (drafted) => {
      const program = assemble(drafted, world);
      const text = difference(program, world);
      if (text !== undefined) throw new Error(text);
    });
    const result = fc.check(property, { numRuns: runs, seed });
    if (result.counterexample) {
      const program = assemble(result.counterexample[0], world);
      const text = disasm(decode(fromHex(program.program))).join("\n");
      expect.fail(`${difference(program, world)}\n${text}\nseed ${result.seed}, kept as testdata/jit/${save(program)}`);
    }
    expect(result.failed).toBe(false);
    // Neither kind of program may die out unnoticed.
    expect(world.bare).toBeGreaterThan(runs / 5);
    expect(world.faults).toBeGreaterThan(runs / 100);
  },
  10 * 60_000,
);
