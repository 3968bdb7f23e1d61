import { describe, expect, it } from "vitest";
import { countCpus, MapValues } from "./per-cpu.ts";

const PERCPU_ARRAY = 6;
const ARRAY = 2;
const valuesOf = (type: number, value_size: number, cpus = 3): MapValues =>
  new MapValues({ name: "counts", type, value_size }, () => cpus);

it.each([
  ["0", 1],
  ["0-1\n", 2],
  ["0-3,8,10-11", 7],
])("the list %j names so many CPUs", (list, count) => {
  expect(countCpus(list)).toBe(count);
});

describe("a per-CPU map's values", () => {
  it("need room for all CPUs, in multiples of 8 bytes", () => {
    expect(valuesOf(PERCPU_ARRAY, 12).room()).toHaveLength(48);
    expect(valuesOf(ARRAY, 12).room()).toHaveLength(12);
  });

  it("are set for all, and read where they agree or where one is set", () => {
    const values = valuesOf(PERCPU_ARRAY, 4);
    const all = values.spread(Uint8Array.of(1, 2, 3, 4));
    expect(values.one(all)).toEqual(Uint8Array.of(1, 2, 3, 4));
    const one = values.room();
    expect(values.one(one)).toEqual(new Uint8Array(4));
    one.set([7], 8);
    expect(values.one(one)).toEqual(Uint8Array.of(7, 0, 0, 0));
  });

  it("are no single value where several CPUs have one", () => {
    const values = valuesOf(PERCPU_ARRAY, 4);
    const all = values.room();
    all.set([1]);
    all.set([2], 16);
    expect(() => values.one(all)).toThrow(/per-CPU map counts: several CPUs have values/);
  });
});
