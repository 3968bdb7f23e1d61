// The ready-made programs as `loopstep verify` would verify them: their constants are those of a ring.

import { readFileSync } from "node:fs";
import { BpfObject, type ResolvedProgram } from "../../src/bpf/object/index.ts";
import { loopTargetBtf, ringGeometry } from "../../src/loop/index.ts";
import { IORING_SETUP } from "../../src/uring/abi/index.ts";
import { ringsLayout } from "../../src/uring/ring/index.ts";

const ENTRIES = 8;

/** The only program of an object file. */
export function readyProgram(file: string): ResolvedProgram {
  const object = BpfObject.open(readFileSync(file));
  const flags = IORING_SETUP.IORING_SETUP_DEFER_TASKRUN | IORING_SETUP.IORING_SETUP_SINGLE_ISSUER;
  object.bind(ringGeometry(ringsLayout({ entries: ENTRIES, flags }).params));
  return object.resolve(object.programs[0].name, { target: loopTargetBtf() });
}
