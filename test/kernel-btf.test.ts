// Which BTF Linux takes, held against Linux: BTF of the recorded loops, each changed in one word, is handed to bpf(2), and
// taken there exactly when it is taken here. Inside the rig only.

import { readFileSync } from "node:fs";
import * as fc from "fast-check";
import { expect, it } from "vitest";
import { viewOf } from "../src/base/index.ts";
import { Btf, BtfError, loadProblem } from "../src/bpf/btf/index.ts";
import { BpfObject } from "../src/bpf/object/index.ts";
import * as A from "../src/engine/kernel/bpf-attr.ts";
import { BpfCalls } from "../src/engine/kernel/bpf.ts";
import { programBtf } from "../src/engine/kernel/program-btf.ts";
import { openSys } from "../src/sys/index.ts";
import { missingLoops } from "./missing-loops.ts";
import { recordedLoops } from "./recorded-loops.ts";

const missing = missingLoops();
const HEADER = 24;
const KIND_FUNC = 12;

/** BTF as the loader hands it over, of loops without special fields: those are refused for reasons of their own. */
const samples: readonly Uint8Array[] = missing
  ? []
  : recordedLoops
      .filter(({ program }) => /^[ab]/.test(program))
      .map(({ file }) => programBtf(BpfObject.open(readFileSync(file)).btf, []).bytes);

function changed(original: Uint8Array, at: number, change: (word: number) => number): Uint8Array {
  const bytes = Uint8Array.from(original);
  const view = viewOf(bytes);
  const place = HEADER + (at % (view.getUint32(12, true) / 4)) * 4;
  view.setUint32(place, change(view.getUint32(place, true)) >>> 0, true);
  return bytes;
}

/** Undefined for what a loader would still change: functions that became extern. */
function takenHere(bytes: Uint8Array): boolean | undefined {
  try {
    const btf = Btf.parse(bytes);
    for (const id of btf.ofKind("FUNC"))
      if ((viewOf(btf.rawType(id)).getUint32(4, true) & 0xffff) === 2) return undefined;
    for (const id of btf.ofKind("VAR")) if ((btf.type(id) as { linkage: number }).linkage === 2) return undefined;
    return loadProblem(btf) === undefined;
  } catch (error) {
    if (error instanceof BtfError) return false;
    throw error;
  }
}

const change: fc.Arbitrary<(word: number) => number> = fc.oneof(
  fc.nat({ max: 60 }).map((value) => () => value),
  fc.nat({ max: 31 }).map((bit) => (word: number) => word ^ (1 << bit)),
  fc.constantFrom(-1, 1, 8).map((by) => (word: number) => word + by),
  fc.constant(() => KIND_FUNC << 24),
);

it.skipIf(missing !== undefined)(
  `takes the BTF that Linux takes${missing ? ` (${missing})` : ""}`,
  () => {
    const bpf = new BpfCalls(openSys());
    let taken = 0;
    fc.assert(
      fc.property(fc.constantFrom(...samples), fc.nat({ max: 4000 }), change, (original, at, how) => {
        const bytes = changed(original, at, how);
        const here = takenHere(bytes);
        if (here === undefined) return;
        const fd = bpf.call("BPF_BTF_LOAD", A.btf_load_attr, { btf: bytes, btf_size: bytes.length });
        if (fd >= 0) bpf.close(fd);
        expect(fd >= 0).toBe(here);
        taken += Number(here);
      }),
      { numRuns: 1500 },
    );
    expect(taken).toBeGreaterThan(100);
  },
  300_000,
);
