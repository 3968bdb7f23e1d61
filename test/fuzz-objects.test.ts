// Damaged objects: FUZZ_RUNS sets how many, FUZZ_SEED which.

import { expect, test } from "vitest";
import { Prng } from "../src/base/index.ts";
import { ioUringTarget } from "../testdata/elf/fixtures.ts";
import { damage, seedObjects, useObject } from "./fuzz-objects.ts";

const rounds = Number(process.env["FUZZ_RUNS"] ?? 150);
const seed = Number(process.env["FUZZ_SEED"] ?? 1);

test(
  `${rounds} damaged objects end in a result or an error of ours (seed ${seed})`,
  { timeout: 60_000 + rounds * 100 },
  () => {
    const rng = new Prng(seed);
    const objects = seedObjects();
    const target = ioUringTarget();
    for (let round = 0; round < rounds; round++) {
      const bytes = damage(rng.pick(objects), rng);
      expect([round, useObject(bytes, target)]).toEqual([round, []]);
    }
  },
);
