import { describe, expect, it } from "vitest";
import { Btf } from "./btf.ts";
import { GrowingBtf, type TypeSource } from "./growing.ts";
import type { BtfType } from "./types.ts";

/** Structs `a` and `b` that point to each other, and an int; `log` tells what was made. */
function grow(): { btf: GrowingBtf; log: string[] } {
  const log: string[] = [];
  const ids = new Map<string, number>();
  const struct = (name: string, to: GrowingBtf): number => {
    let id = ids.get(name);
    if (id !== undefined) return id;
    id = to.addLater("STRUCT", name, () => {
      log.push(name);
      const type = to.add({ kind: "PTR", name: "", type: struct(name === "a" ? "b" : "a", to) });
      return { kind: "STRUCT", name, size: 8, members: [{ name: "other", type, bit_offset: 0, bitfield_size: 0 }] };
    });
    ids.set(name, id);
    return id;
  };
  const int: BtfType = {
    kind: "INT",
    name: "int",
    size: 4,
    bits: 32,
    offset: 0,
    signed: true,
    char: false,
    bool: false,
  };
  const source: TypeSource = {
    names: () => ["int", "a", "b"],
    add(name, to) {
      log.push(`${name}?`);
      if (name === "a" || name === "b") struct(name, to);
      if (name === "int") to.add(int);
    },
  };
  return { btf: new GrowingBtf(source), log };
}

describe("BTF that grows", () => {
  it("makes what is asked for, once", () => {
    const { btf, log } = grow();
    expect([btf.nrTypes, btf.findByName("none"), btf.nrTypes]).toEqual([1, undefined, 1]);
    const a = btf.findByName("a")!;
    expect([btf.findByName("a", "STRUCT"), btf.findByName("a", "INT")]).toEqual([a, undefined]);
    expect([btf.kind(a), btf.nameOf(a), btf.nrTypes]).toEqual(["STRUCT", "a", 2]);
    expect(log).toEqual(["none?", "a?"]);
    expect(btf.sizeOf(a)).toBe(8);
    expect(btf.type(a)).toBe(btf.type(a));
    // b is there, since a points to it, and is not filled in
    expect([btf.findAllByName("b"), btf.nrTypes]).toEqual([[a + 1], 4]);
    expect(log).toEqual(["none?", "a?", "a", "b?"]);
  });

  it("finds types by a flavor of their name, which is not their name", () => {
    const { btf } = grow();
    expect([...btf.candidates("a___old")]).toEqual([btf.findByName("a")]);
    expect(btf.findByName("a___old")).toBeUndefined();
  });

  it("is all there as bytes, under the ids given before", () => {
    const { btf } = grow();
    const b = btf.findByName("b")!;
    expect([...btf.ofKind("STRUCT")]).toHaveLength(2);
    const whole = btf.complete();
    expect(Btf.parse(btf.bytes).nrTypes).toBe(whole.nrTypes);
    expect([whole.nrTypes, whole.nameOf(b), btf.nrTypes]).toEqual([6, "b", 6]);
    for (let id = 0; id < whole.nrTypes; id++) expect(whole.type(id)).toEqual(btf.type(id));
    expect(btf.rawType(b)).toEqual(whole.rawType(b));
  });

  it("has no other types", () => {
    const { btf } = grow();
    expect(btf.type(0)).toEqual({ kind: "VOID", name: "" });
    for (const id of [1, -1, 1e9]) {
      expect(() => btf.type(id)).toThrow(expect.objectContaining({ code: "BTF_ID" }));
      expect(() => btf.kind(id)).toThrow(expect.objectContaining({ code: "BTF_ID" }));
    }
  });
});
