// The verifier against what Linux 7.2.13 said of real loops (test/recorded-loops.ts): verdict, errno, the lines of the log about
// the failing instruction, instructions walked and stack used must all be the recorded ones.

import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import type { Btf } from "../src/bpf/btf/index.ts";
import { BpfObject } from "../src/bpf/object/index.ts";
import { programType, verify } from "../src/bpf/verifier/index.ts";
import { LINUX_CONFIG, LOOP_STEP_TYPE, loopTargetBtf } from "../src/loop/index.ts";
import { linuxBtf, missingLinuxBtf } from "./linux-btf.ts";
import { recordedLoops, type RecordedLoop } from "./recorded-loops.ts";

if (missingLinuxBtf) console.log(`verdicts with that kernel's BTF skipped: ${missingLinuxBtf}`);

/** All that is recorded of a verdict, and all that is said here. */
const recorded = ({ verdict, errno, error, messages, processed, stack_depth }: RecordedLoop): unknown => ({
  verdict,
  errno: Math.abs(errno),
  error,
  messages,
  processed,
  stack_depth,
});

function judged(row: RecordedLoop, target: Btf): unknown {
  const object = BpfObject.open(readFileSync(row.file));
  object.configure(LINUX_CONFIG);
  const program = object.resolve(object.programs[0].name, { target });
  const type = programType(program.type) ?? LOOP_STEP_TYPE;
  const { verdict, errno, error, messages, processed, stackDepth, diagnostic } = verify(program, {
    type,
    externs: object.externs,
  });
  expect(diagnostic === undefined).toBe(verdict === "accepted");
  return { verdict, errno, error, messages, processed, stack_depth: stackDepth };
}

describe.skipIf(missingLinuxBtf)("verdicts of Linux 7.2.13", () => {
  let target: Btf;
  beforeAll(() => {
    target = linuxBtf();
  });

  it.each(recordedLoops.map((row) => [row.object, row] as const))(
    "%s",
    (_, row) => expect(judged(row, target)).toEqual(recorded(row)),
    120_000,
  );
});

describe("the same without that kernel's BTF", () => {
  it.each(recordedLoops.map((row) => [row.object, row] as const))(
    "%s",
    (_, row) => expect(judged(row, loopTargetBtf())).toEqual(recorded(row)),
    120_000,
  );
});
