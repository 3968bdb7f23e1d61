// Objects with random damage, and everything that reads objects run over them: opening, values, resolving, CO-RE, dumps,
// deduplication, skeletons, linking. Each must succeed or throw an error of this project, soon and in bounded memory.

import { readdirSync, readFileSync } from "node:fs";
import { LoopstepError, type Prng } from "../src/base/index.ts";
import { concatTypes, dedup, dumpC, dumpJson, dumpRaw, dumpTs, type Btf } from "../src/bpf/btf/index.ts";
import { BpfObject, generateSkeleton, linkObjects, minimizeBtf } from "../src/bpf/object/index.ts";
import { LINUX_CONFIG } from "../src/loop/index.ts";
import { fixture } from "../testdata/elf/fixtures.ts";

const WORDS = [0, 1, 0xffff, 0x10000, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff];

/** The objects that are damaged. */
export function seedObjects(): Uint8Array[] {
  const fixtures = readdirSync(new URL("../testdata/elf/", import.meta.url))
    .filter((name) => name.endsWith(".bpf.o"))
    .map((name) => fixture(name.replace(".bpf.o", "")));
  return [...fixtures, readFileSync(new URL("../testdata/loops/kconfig.bpf.o", import.meta.url))];
}

/** A copy of `object` with up to six changes, sometimes cut off. */
export function damage(object: Uint8Array, rng: Prng): Uint8Array {
  const bytes = object.slice();
  for (let changes = 1 + rng.below(6); changes > 0; changes--) {
    const at = rng.below(bytes.length);
    switch (rng.below(4)) {
      case 0:
        bytes[at] = rng.below(256);
        break;
      case 1:
        bytes[at] ^= 1 << rng.below(8);
        break;
      case 2:
        new DataView(bytes.buffer).setUint32(Math.min(at, bytes.length - 4), rng.pick(WORDS), true);
        break;
      default:
        bytes.copyWithin(at, rng.below(bytes.length), rng.below(bytes.length));
    }
  }
  return rng.chance(0.1) ? bytes.subarray(0, rng.below(bytes.length)) : bytes;
}

/** Runs everything over `bytes`; what was thrown that is not an error of ours. */
export function useObject(bytes: Uint8Array, target: Btf): unknown[] {
  const strangers: unknown[] = [];
  const guard = <T>(run: () => T): T | undefined => {
    try {
      return run();
    } catch (error) {
      if (!(error instanceof LoopstepError)) strangers.push(error);
      return undefined;
    }
  };
  const object = guard(() => BpfObject.open(bytes));
  guard(() => linkObjects([{ name: "damaged", bytes }]));
  if (object === undefined) return strangers;
  guard(() => object.configure(LINUX_CONFIG));
  guard(() => object.values.values());
  for (const program of object.programs) guard(() => object.resolve(program.name, { target }));
  for (const ops of object.structOps) guard(() => object.resolveStructOps(ops.name, { target }));
  for (const types of [target, object.btf]) guard(() => object.coreReports({ target: types }));
  guard(() => generateSkeleton(object, { file: "damaged.bpf.o" }));
  guard(() => dumpC(object.btf));
  guard(() => dumpTs(object.btf));
  guard(() => JSON.stringify([...dumpJson(object.btf)]));
  guard(() => [...dumpRaw(object.btf)]);
  for (const types of [target, object.btf]) guard(() => minimizeBtf(types, [object]));
  guard(() => dedup(concatTypes([object.btf, object.btf]).types));
  return strangers;
}
