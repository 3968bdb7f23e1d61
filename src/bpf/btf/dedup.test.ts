// Deduplication: what is the same becomes one, what differs stays apart, whatever cycles lie between.

import { describe, expect, test } from "vitest";
import { assert, property, shuffledSubarray } from "fast-check";
import { fixture } from "../../../testdata/elf/fixtures.ts";
import { readElf } from "../../elf/index.ts";
import { Btf } from "./btf.ts";
import { BtfBuilder } from "./builder.ts";
import { concatTypes, dedup } from "./dedup.ts";
import { dumpRaw } from "./dump-raw.ts";
import { BtfError } from "./errors.ts";

const text = (btf: Btf): string[] => [...dumpRaw(btf)];
const merged = (...inputs: Btf[]): Btf => dedup(concatTypes(inputs).types).builder.build();

/** One compilation unit: a list node, with or without the definition of what it points to. */
function unit({ define = true, extra = false, width = 4 } = {}): Btf {
  const b = new BtfBuilder();
  const int = b.addInt("int", width, { signed: true });
  const body = define ? b.addStruct("body", width, [{ name: "n", type: int, bit_offset: 0 }]) : b.addFwd("body");
  const bodyPtr = b.addPtr(body);
  const node = b.nextId;
  b.addStruct("node", 16, [
    { name: "next", type: node + 1, bit_offset: 0 },
    { name: "body", type: bodyPtr, bit_offset: 64 },
  ]);
  b.addPtr(node);
  b.addTypedef("node_t", node);
  if (extra) b.addArray(b.addConst(node), int, 3);
  return b.build();
}

describe("dedup", () => {
  test("the same unit three times is the unit", () => {
    expect(text(merged(unit(), unit(), unit()))).toEqual(text(unit()));
  });

  test("once more changes nothing", () => {
    const once = merged(unit(), unit({ extra: true }));
    expect(text(merged(once))).toEqual(text(once));
    expect(once.nrTypes).toBe(unit({ extra: true }).nrTypes);
  });

  test.each([
    ["the definition comes first", [unit(), unit({ define: false })]],
    ["the definition comes last", [unit({ define: false }), unit()]],
  ])("a forward declaration is resolved: %s", (_what, inputs) => {
    const all = merged(...inputs);
    expect([...all.ofKind("FWD")]).toEqual([]);
    expect(all.findAllByName("node", "STRUCT")).toHaveLength(1);
    expect(all.nrTypes).toBe(unit().nrTypes);
  });

  test("a forward declaration of two different structs stays", () => {
    const all = merged(unit(), unit({ width: 8 }), unit({ define: false }));
    expect(all.findAllByName("body", "STRUCT")).toHaveLength(2);
    expect(all.findAllByName("node", "STRUCT").length).toBeGreaterThanOrEqual(2);
  });

  test("structs that differ far away stay apart", () => {
    const chain = (last: string): Btf => {
      const b = new BtfBuilder();
      const int = b.addInt("int", 4);
      let inner = b.addStruct("end", 4, [{ name: last, type: int, bit_offset: 0 }]);
      for (let i = 0; i < 50; i++)
        inner = b.addStruct(`link${i}`, 8, [{ name: "to", type: b.addPtr(inner), bit_offset: 0 }]);
      return b.build();
    };
    expect(merged(chain("a"), chain("b")).findAllByName("link49")).toHaveLength(2);
    expect(merged(chain("a"), chain("a")).findAllByName("link49")).toHaveLength(1);
  });

  test("a chain deeper than any stack", () => {
    const b = new BtfBuilder();
    let id = b.addInt("int", 4);
    for (let i = 0; i < 20_000; i++) id = b.addPtr(id);
    const btf = b.build();
    expect(merged(btf, btf).nrTypes).toBe(btf.nrTypes);
  });

  test("enums: a declaration finds its definition", () => {
    const b = new BtfBuilder();
    b.addEnum("e", 4, []);
    b.addEnum("e", 4, [{ name: "A", val: 1 }]);
    const all = dedup(b.types).builder.build();
    expect(all.nrTypes).toBe(2);
  });

  test("variables and sections are never merged, tags are", () => {
    const b = new BtfBuilder();
    const int = b.addInt("int", 4);
    const first = b.addVar("x", int);
    b.addVar("x", int);
    b.addDeclTag("tag", first);
    b.addDeclTag("tag", first);
    b.addTypeTag("user", int);
    b.addTypeTag("user", int);
    const { builder, map } = dedup(b.types);
    expect(builder.types.map((type) => type.kind)).toEqual(["INT", "VAR", "VAR", "DECL_TAG", "TYPE_TAG"]);
    expect([...map]).toEqual([0, 1, 2, 3, 4, 4, 5, 5]);
  });

  test("over a base, what the base has is used", () => {
    const base = unit();
    const again = unit({ extra: true });
    const own = new BtfBuilder(base);
    // the same types once more, behind the base
    for (let id = 1; id < again.nrTypes; id++) own.add(again.type(id));
    const moved = own.types.map(
      (type) =>
        JSON.parse(
          JSON.stringify(type, (key, value: unknown) =>
            ["type", "index_type"].includes(key) && value !== 0 ? (value as number) + base.nrTypes - 1 : value,
          ),
        ) as (typeof own.types)[number],
    );
    const result = dedup(moved, base);
    expect(result.builder.types.map((type) => type.kind)).toEqual(["CONST", "ARRAY"]);
  });

  test("bad ids and endless chains are told", () => {
    const b = new BtfBuilder();
    b.addPtr(7);
    expect(() => dedup(b.types)).toThrow(BtfError);
    const loop = new BtfBuilder();
    loop.addTypedef("a", 2);
    loop.addTypedef("b", 1);
    expect(() => dedup(loop.types)).toThrow(BtfError);
  });
});

const btfOf = (name: string): Btf =>
  Btf.parse(readElf(fixture(name)).sections.find((section) => section.name === ".BTF")!.data);

test("real objects: merging with itself keeps the types, but for variables and sections", () => {
  const btf = btfOf("loop.clang19.v4");
  const all = merged(btf, btf);
  const own = [...btf.ofKind("VAR"), ...btf.ofKind("DATASEC")].length;
  expect(all.nrTypes).toBe(merged(btf).nrTypes + own);
});

test("property: a shuffled copy merges into the original", () => {
  const btf = unit({ extra: true });
  const originals = Array.from({ length: btf.nrTypes - 1 }, (_, i) => btf.type(i + 1));
  assert(
    property(
      shuffledSubarray(
        originals.map((_, i) => i),
        { minLength: originals.length },
      ),
      (order) => {
        const place = new Map(order.map((old, at) => [old + 1, at + 1]));
        const b = new BtfBuilder();
        for (const old of order) {
          const type = JSON.parse(
            JSON.stringify(originals[old], (key, value: unknown) =>
              ["type", "index_type"].includes(key) && value !== 0 ? place.get(value as number) : value,
            ),
          ) as (typeof originals)[number];
          b.add(type);
        }
        expect(merged(btf, b.build()).nrTypes).toBe(btf.nrTypes);
      },
    ),
    { numRuns: 100 },
  );
});
