// Interpreter against JIT: generated programs, and all that ever differed (testdata/jit). FUZZ_RUNS sets how many programs,
// FUZZ_SEED which.

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { fnv1a, fromHex } from "../src/base/index.ts";
import { decode, disasm } from "../src/bpf/isa/index.ts";
import { assemble, difference, draft, FuzzWorld, type FuzzProgram } from "./fuzz-jit.ts";

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

test(
  `${RUNS} generated programs, FUZZ_SEED=${SEED}`,
  () => {
    const world = new FuzzWorld();
    const property = fc.property(draft, (drafted) => {
      const program = assemble(drafted, world);
      const text = difference(program, world);
      if (text !== undefined) throw new Error(text);
    });
    const result = fc.check(property, { numRuns: RUNS, seed: SEED });
    if (result.counterexample) {
      const program = assemble(result.counterexample[0], world);
      const text = disasm(decode(fromHex(program.program))).join("\n");
      expect.fail(`${difference(program, world)}\n${text}\nseed ${result.seed}, kept as testdata/jit/${save(program)}`);
    }
    expect(result.failed).toBe(false);
    // Neither kind of program may die out unnoticed.
    expect(world.bare).toBeGreaterThan(RUNS / 5);
    expect(world.faults).toBeGreaterThan(RUNS / 100);
  },
  30 * 60_000,
);
