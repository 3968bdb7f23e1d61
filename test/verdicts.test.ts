// The verifier against what Linux 7.2.13 said of real loops (test/recorded-loops.ts): verdict, errno, the lines of the log about
// the failing instruction, instructions walked and stack used must all be the recorded ones.

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import { Btf } from "../src/bpf/btf/index.ts";
import { BpfObject } from "../src/bpf/object/index.ts";
import { programType, verify } from "../src/bpf/verifier/index.ts";
import { LOOP_STEP_TYPE, loopTargetBtf } from "../src/loop/index.ts";
import { recordedLoops } from "./recorded-loops.ts";
import { missingShared, sharedPath } from "./shared-data.ts";

const BTF = "linux-7.2.13.btf.xz";

function hasXz(): boolean {
  try {
    execFileSync("xz", ["--version"]);
    return true;
  } catch {
    return false;
  }
}

const missing = missingShared(BTF) ?? (hasXz() ? undefined : "xz is not installed");
if (missing) console.log(`verdicts skipped: ${missing}`);

describe.skipIf(missing)("verdicts of Linux 7.2.13", () => {
  let target: Btf;
  beforeAll(() => {
    target = Btf.parse(execFileSync("xz", ["-dc", sharedPath(BTF)], { maxBuffer: 1 << 28 }));
  });

  it.each(recordedLoops.map((row) => [row.object, row] as const))(
    "%s",
    (_, row) => {
      const object = BpfObject.open(readFileSync(row.file));
      const program = object.resolve(object.programs[0].name, { target });
      const type = programType(program.type) ?? LOOP_STEP_TYPE;
      const { verdict, errno, error, messages, processed, stackDepth, diagnostic } = verify(program, {
        type,
        externs: object.externs,
      });
      expect({ verdict, errno, error, messages, processed, stack_depth: stackDepth }).toEqual({
        verdict: row.verdict,
        errno: Math.abs(row.errno),
        error: row.error,
        messages: row.messages,
        processed: row.processed,
        stack_depth: row.stack_depth,
      });
      expect(diagnostic === undefined).toBe(verdict === "accepted");
    },
    120_000,
  );
});

/** Enough to reach every reason but the limits. */
const SHORT = 20_000;

describe.skipIf(missing)("the same without that kernel's BTF", () => {
  // those of testdata/verdicts look for kfuncs too that the built-in target lacks
  const shared = recordedLoops.filter((row) => row.file.startsWith(sharedPath("verdicts")) && row.processed < SHORT);

  it.each(shared.map((row) => [row.object, row] as const))("%s", (_, row) => {
    const object = BpfObject.open(readFileSync(row.file));
    const program = object.resolve(object.programs[0].name, { target: loopTargetBtf() });
    const type = programType(program.type) ?? LOOP_STEP_TYPE;
    const { errno, messages } = verify(program, { type, externs: object.externs });
    expect({ errno, messages }).toEqual({ errno: Math.abs(row.errno), messages: row.messages });
  });
});
