// Maps and types that fail a load before the program is looked at. The rules themselves are held against Linux in
// test/kernel-btf.test.ts and test/kernel-maps.test.ts.

import { describe, expect, it } from "vitest";
import { BtfBuilder } from "../btf/index.ts";
import type { MapSpec } from "../object/index.ts";
import { mapFields } from "./map-btf.ts";
import { mapProblem } from "./map-create.ts";
import {
  BPF_F_RDONLY_PROG,
  BPF_F_WRONLY_PROG,
  MAP_ARENA,
  MAP_ARRAY,
  MAP_BLOOM_FILTER,
  MAP_HASH,
  MAP_LPM_TRIE,
  MAP_LRU_HASH,
  MAP_PERCPU_ARRAY,
  MAP_QUEUE,
  MAP_RHASH,
  MAP_RINGBUF,
  MAP_STACK_TRACE,
  MAP_TASK_STORAGE,
} from "./map-types.ts";

const NO_PREALLOC = 1;
const STACK_BUILD_ID = 32;
const MMAPABLE = 1 << 10;

function map(type: number, change: Partial<MapSpec> = {}): MapSpec {
  return {
    name: "m",
    kind: "map",
    type,
    key_size: 4,
    value_size: 8,
    max_entries: 1,
    map_flags: 0,
    btf_key_type_id: 0,
    btf_value_type_id: 0,
    frozen: false,
    ...change,
  };
}

describe("a map Linux does not create", () => {
  it.each([
    ["max_entries is 0, not at least 1", map(MAP_ARRAY, { max_entries: 0 })],
    ["key_size is 8, not 4", map(MAP_ARRAY, { key_size: 8 })],
    ["value_size is 0, not at least 1", map(MAP_HASH, { value_size: 0 })],
    ["value_size is 32776, not 1 to 32768", map(MAP_PERCPU_ARRAY, { value_size: 32_776 })],
    ["key_size is 4, not 0", map(MAP_QUEUE)],
    ["max_entries is 0, not at least 1", map(MAP_RINGBUF, { key_size: 0, value_size: 0, max_entries: 0 })],
    ["max_entries is 1, not 0", map(MAP_TASK_STORAGE, { map_flags: NO_PREALLOC })],
    ["value_size is 12, not 8 to 1016 in steps of 8", map(MAP_STACK_TRACE, { value_size: 12 })],
    ["this type needs map_flags 0x1", map(MAP_LPM_TRIE, { key_size: 8 })],
    ["this type needs map_flags 0x400", map(MAP_ARENA, { key_size: 0, value_size: 0 })],
    ["this type does not take map_flags 0x1", map(MAP_ARRAY, { map_flags: NO_PREALLOC })],
    ["this type does not take map_flags 0x1", map(MAP_LRU_HASH, { map_flags: NO_PREALLOC })],
    ["it is read-only and write-only at once", map(MAP_ARRAY, { map_flags: BPF_F_RDONLY_PROG | BPF_F_WRONLY_PROG })],
    ["map_extra is 0x1", map(MAP_HASH, { map_extra: 1n })],
    ["map_extra is 0x2", map(MAP_RHASH, { map_flags: NO_PREALLOC, map_extra: 2n })],
    ["key_size and value_size together is 4194304, not 0 to 4194255", map(MAP_HASH, { value_size: (1 << 22) - 4 })],
  ])("%s", (why, spec) => expect(mapProblem(spec)?.why).toBe(why));

  it.each([
    map(MAP_ARRAY),
    map(MAP_RINGBUF, { key_size: 0, value_size: 0, max_entries: 5000 }),
    map(MAP_STACK_TRACE, { value_size: 127 * 32, map_flags: STACK_BUILD_ID }),
    map(MAP_BLOOM_FILTER, { key_size: 0, map_extra: 15n }),
    map(MAP_ARENA, { key_size: 0, value_size: 0, map_flags: MMAPABLE, map_extra: 1n << 44n }),
    map(MAP_RHASH, { map_flags: NO_PREALLOC, map_extra: 1n }),
    // a type that is not in the table
    map(99),
  ])("but these it does: type $type", (spec) => expect(mapProblem(spec)).toBeUndefined());
});

describe("BTF of a map", () => {
  const b = new BtfBuilder();
  const u32 = b.addInt("u32", 4);
  const u64 = b.addInt("u64", 8);
  const lock = b.addStruct("bpf_spin_lock", 4, []);
  const locked = b.addStruct("locked", 8, [{ name: "lock", type: lock, bit_offset: 0 }]);
  const key = b.addStruct("key", 4, [{ name: "id", type: u32, bit_offset: 0 }]);
  const variable = b.addVar("counter", u64);
  const section = b.addDatasec(".bss", 8, [{ type: variable, offset: 0, size: 8 }]);
  const btf = b.build();
  const kinds = (spec: MapSpec) => mapFields(spec, btf, btf)?.map(({ kind }) => kind);
  const typed = (type: number, change: Partial<MapSpec> = {}) =>
    map(type, { btf_key_type_id: u32, btf_value_type_id: locked, ...change });

  it("says which special fields values have", () => {
    expect(kinds(typed(MAP_ARRAY))).toEqual(["bpf_spin_lock"]);
    expect(kinds(typed(MAP_HASH, { btf_key_type_id: key }))).toEqual(["bpf_spin_lock"]);
    expect(kinds(typed(MAP_ARRAY, { btf_value_type_id: u64 }))).toEqual([]);
    const bss = map(MAP_ARRAY, { kind: "bss", btf_value_type_id: section });
    expect(kinds(bss)).toEqual([]);
  });

  it.each([
    ["none is given", map(MAP_ARRAY)],
    ["the type takes none", typed(MAP_QUEUE, { key_size: 0 })],
    ["sizes differ", typed(MAP_ARRAY, { value_size: 16 })],
    ["the key has none", typed(MAP_HASH, { btf_key_type_id: 0 })],
    ["an index is no number", typed(MAP_ARRAY, { btf_key_type_id: key })],
    ["a key is larger than its type", typed(MAP_HASH, { key_size: 8 })],
    ["a bloom filter has a key", typed(MAP_BLOOM_FILTER)],
    ["the prefix of a trie is no struct", typed(MAP_LPM_TRIE)],
    ["values of the type hold no such field", typed(MAP_PERCPU_ARRAY)],
    ["the program may only read such fields", typed(MAP_ARRAY, { map_flags: BPF_F_RDONLY_PROG })],
  ])("is left out when %s", (_, spec) => expect(kinds(spec)).toBeUndefined());
});
