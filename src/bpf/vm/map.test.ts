import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { mapSpec } from "./harness.ts";
import {
  BPF_ANY,
  BPF_EXIST,
  BPF_MAP_TYPE_ARRAY,
  BPF_MAP_TYPE_HASH,
  BPF_MAP_TYPE_PERCPU_ARRAY,
  BPF_MAP_TYPE_QUEUE,
  BPF_MAP_TYPE_STACK,
  BPF_NOEXIST,
  createMap,
  openMap,
  VmError,
  VmMemory,
  type VmMap,
} from "./index.ts";

type Sizes = Parameters<typeof mapSpec>[2];

function mapOf(type: number, ...sizes: Sizes): VmMap {
  const memory = VmMemory.create();
  return openMap(createMap(memory, mapSpec("m", type, sizes)), memory);
}

const u32 = (value: number): Uint8Array => new Uint8Array(Uint32Array.of(value).buffer);
const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

describe("array maps", () => {
  test.each([
    [0, BPF_ANY, 0],
    [3, BPF_EXIST, 0],
    [3, BPF_NOEXIST, -17],
    [4, BPF_ANY, -7],
    [0xffffffff, BPF_ANY, -7],
    [0, 3, -22],
    [0, 8, -22],
  ])("update of index %d with flags %d: %d", (index, flags, result) => {
    for (const type of [BPF_MAP_TYPE_ARRAY, BPF_MAP_TYPE_PERCPU_ARRAY]) {
      const map = mapOf(type, 4, 3, 4);
      expect(map.set(u32(index), bytes(1, 2, 3), flags)).toBe(result);
      expect(map.get(u32(index))).toEqual(index > 3 ? undefined : result === 0 ? bytes(1, 2, 3) : bytes(0, 0, 0));
    }
  });

  test("values lie 8-byte aligned, entries come in order, nothing can be deleted", () => {
    const map = mapOf(BPF_MAP_TYPE_ARRAY, 4, 12, 3);
    expect(map.image.stride).toBe(16);
    expect(map.image.values % 8).toBe(0);
    expect([...map.copies()].map(([key]) => key[0])).toEqual([0, 1, 2]);
    expect(map.delete(u32(0), 0)).toBe(-22);
  });

  test("a data section starts with its contents, read-only when frozen", () => {
    const memory = VmMemory.create();
    const image = createMap(
      memory,
      mapSpec(".rodata", BPF_MAP_TYPE_ARRAY, [4, 5, 1], { kind: "rodata", frozen: true, initial: bytes(1, 2, 3) }),
    );
    expect(openMap(image, memory).get(u32(0))).toEqual(bytes(1, 2, 3, 0, 0));
    expect(memory.find(image.values, 5, false)).toBeGreaterThanOrEqual(0);
    expect(memory.find(image.values, 5, true)).toBe(-1);
    expect(memory.find(image.values, 6, false)).toBe(-1);
  });
});

describe("hash maps", () => {
  test("errno of every case", () => {
    const map = mapOf(BPF_MAP_TYPE_HASH, 2, 2, 2);
    expect(map.set(bytes(1, 0), bytes(1, 1), BPF_EXIST)).toBe(-2);
    expect(map.set(bytes(1, 0), bytes(1, 1), BPF_NOEXIST)).toBe(0);
    expect(map.set(bytes(1, 0), bytes(2, 2), BPF_NOEXIST)).toBe(-17);
    expect(map.set(bytes(1, 0), bytes(3, 3), BPF_EXIST)).toBe(0);
    expect(map.set(bytes(2, 0), bytes(4, 4))).toBe(0);
    expect(map.set(bytes(3, 0), bytes(5, 5))).toBe(-7);
    expect(map.set(bytes(2, 0), bytes(6, 6))).toBe(0);
    expect(map.set(bytes(2, 0), bytes(6, 6), 3)).toBe(-22);
    expect(map.delete(bytes(9, 9), 0)).toBe(-2);
    expect(map.delete(bytes(1, 0), 0)).toBe(0);
    expect(map.get(bytes(1, 0))).toBeUndefined();
    expect(map.set(bytes(3, 0), bytes(5, 5))).toBe(0);
    expect(Object.fromEntries([...map.copies()].map(([k, v]) => [k[0], v[0]]))).toEqual({ 2: 6, 3: 5 });
    expect(map.set(bytes(1), bytes(1, 1))).toBe(-22);
  });

  test("behaves as a Map does, whatever is done to it, and the same from a second view", () => {
    const step = fc.record({
      key: fc.integer({ min: 0, max: 12 }),
      value: fc.integer({ min: 0, max: 255 }),
      remove: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), fc.integer({ min: 1, max: 9 }), (steps, capacity) => {
        const map = mapOf(BPF_MAP_TYPE_HASH, 4, 1, capacity);
        const model = new Map<number, number>();
        for (const { key, value, remove } of steps) {
          if (remove) expect(map.delete(u32(key), 0)).toBe(model.delete(key) ? 0 : -2);
          else if (model.has(key) || model.size < capacity) {
            expect(map.set(u32(key), bytes(value))).toBe(0);
            model.set(key, value);
          } else expect(map.set(u32(key), bytes(value))).toBe(-7);
        }
        const seen = [...map.copies()].map(([k, v]) => [k[0], v[0]] as const);
        expect(new Map(seen)).toEqual(model);
        expect(seen.length).toBe(model.size);
        for (let key = 0; key <= 12; key++) expect(map.get(u32(key))?.[0]).toBe(model.get(key));
      }),
      { numRuns: 60 },
    );
  });

  test("entries deleted while iterating do not break the iteration", () => {
    const map = mapOf(BPF_MAP_TYPE_HASH, 4, 1, 8);
    for (let key = 0; key < 8; key++) map.set(u32(key), bytes(key));
    let seen = 0;
    for (const [key] of map.copies()) {
      expect(map.delete(key, 0)).toBe(0);
      seen++;
    }
    expect(seen).toBe(8);
    expect([...map.copies()]).toEqual([]);
  });
});

describe("queues and stacks", () => {
  test.each([
    [BPF_MAP_TYPE_QUEUE, [1, 2, 3], [2, 3, 4]],
    [BPF_MAP_TYPE_STACK, [3, 2, 1], [4, 3, 2]],
  ])("type %d hands out in its order; BPF_EXIST pushes the oldest out", (type, order, replaced) => {
    const drain = (map: VmMap): number[] => {
      const out = new Uint8Array(1);
      const values: number[] = [];
      while (map.take(out, 0, true) === 0) values.push(out[0]);
      return values;
    };
    const map = mapOf(type, 0, 1, 3);
    for (const value of [1, 2, 3]) expect(map.push(bytes(value), 0, BPF_ANY)).toBe(0);
    expect(map.push(bytes(4), 0, BPF_ANY)).toBe(-7);
    expect(map.push(bytes(4), 0, BPF_NOEXIST)).toBe(-22);
    const out = bytes(9);
    expect(map.take(out, 0, false)).toBe(0);
    expect(out[0]).toBe(order[0]);
    expect([...map.entries()].map(([, at]) => at).length).toBe(3);
    expect(drain(map)).toEqual(order);
    expect(map.take(out, 0, true)).toBe(-2);
    expect(out[0]).toBe(0);
    for (const value of [1, 2, 3]) map.push(bytes(value), 0, BPF_ANY);
    expect(map.push(bytes(4), 0, BPF_EXIST)).toBe(0);
    expect(drain(map)).toEqual(replaced);
  });
});

test.each([
  [mapSpec("m", 16, [4, 4, 4]), "map type 16 is not supported"],
  [mapSpec("m", BPF_MAP_TYPE_ARRAY, [8, 4, 1]), "wrong key_size"],
  [mapSpec("m", BPF_MAP_TYPE_HASH, [0, 4, 1]), "wrong key_size"],
  [mapSpec("m", BPF_MAP_TYPE_QUEUE, [4, 4, 1]), "wrong key_size"],
  [mapSpec("m", BPF_MAP_TYPE_ARRAY, [4, 0, 1]), "wrong value_size"],
  [mapSpec("m", BPF_MAP_TYPE_ARRAY, [4, 4, 0]), "wrong max_entries"],
])("%j: %s", (spec, message) => {
  expect(() => createMap(VmMemory.create(), spec)).toThrow(VmError);
  expect(() => createMap(VmMemory.create(), spec)).toThrow(message);
});
