// Which maps Linux creates, held against Linux: maps of every type with sizes, entries and flags of all sorts are handed to
// bpf(2), and made there exactly when the verifier's table says so. Inside the rig only.

import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { MapSpec } from "../src/bpf/object/index.ts";
import { mapProblem } from "../src/bpf/verifier/map-create.ts";
import { BpfCalls } from "../src/engine/kernel/bpf.ts";
import { createKernelMap } from "../src/engine/kernel/kernel-map.ts";
import { openSys, SysError } from "../src/sys/index.ts";
import { missingLoops } from "./missing-loops.ts";

const missing = missingLoops();
const note = missing ? ` (${missing})` : "";

/** BPF_MAP_TYPE_*, but for those that need other objects: maps of maps, storage (BTF), struct_ops, sockets, jump tables. */
const TYPES = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 14, 16, 20, 22, 23, 25, 27, 30, 31, 33, 35];
const SIZES = [0, 1, 4, 8, 12, 16, 32, 64, 260, 261, 4064, 65_535, 65_536];
const ENTRIES = [0, 1, 2, 100];
/** Flags any type takes; not NUMA_NODE, which needs a node, nor those for other file descriptors. */
const FLAGS = [0, 1, 3, 7, 8, 10, 11, 12, 17, 18, 19];

const spec: fc.Arbitrary<MapSpec> = fc
  .record({
    type: fc.constantFrom(...TYPES),
    key_size: fc.oneof(fc.constantFrom(0, 4), fc.constantFrom(...SIZES)),
    value_size: fc.oneof(fc.constantFrom(0, 4, 8), fc.constantFrom(...SIZES)),
    max_entries: fc.constantFrom(...ENTRIES),
    map_flags: fc.array(fc.constantFrom(...FLAGS), { maxLength: 2 }).map((bits) => {
      let flags = 0;
      for (const bit of bits) flags |= bit === 0 ? 1 : 1 << bit;
      return flags;
    }),
    map_extra: fc.oneof(fc.constant(0n), fc.constantFrom(1n, 15n, 16n, 4096n)),
  })
  .map((shape) => ({
    ...shape,
    name: "m",
    kind: "map",
    btf_key_type_id: 0,
    btf_value_type_id: 0,
    frozen: false,
  }));

function make(bpf: BpfCalls, map: MapSpec): boolean {
  try {
    bpf.close(createKernelMap(bpf, map, 0));
    return true;
  } catch (error) {
    if (error instanceof SysError) return false;
    throw error;
  }
}

describe.skipIf(missing !== undefined)(`maps${note}`, () => {
  it("are made when the table says so", () => {
    const bpf = new BpfCalls(openSys());
    let count = 0;
    fc.assert(
      fc.property(spec, (map) => {
        const made = make(bpf, map);
        expect(made).toBe(mapProblem(map) === undefined);
        count += Number(made);
      }),
      { numRuns: 4000 },
    );
    expect(count).toBeGreaterThan(100);
  }, 300_000);
});
