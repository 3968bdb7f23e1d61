// Parsing, building and lookup, on small BTFs made by the builder; the real vmlinux BTF where it is at hand.

import { existsSync, readFileSync } from "node:fs";
import { execFileSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import { toHex } from "../../base/index.ts";
import { Btf } from "./btf.ts";
import { BtfBuilder } from "./builder.ts";
import { encodeType } from "./emit.ts";
import { BtfError } from "./errors.ts";
import { KINDS } from "./kinds.ts";
import { essentialName } from "./strings.ts";

/** One type of each kind, and some that refer to each other. */
function everyKind(): BtfBuilder {
  const b = new BtfBuilder();
  const int = b.addInt("int", 4, { signed: true });
  const char = b.addInt("char", 1, { signed: true, char: true });
  b.addInt("_Bool", 1, { bool: true });
  const ptr = b.addPtr(b.nextId + 1);
  b.addStruct("node", 24, [
    { name: "next", type: ptr, bit_offset: 0 },
    { name: "flags", type: int, bit_offset: 64, bitfield_size: 3 },
    { name: "text", type: b.nextId + 1, bit_offset: 96 },
  ]);
  b.addArray(char, int, 12);
  b.addUnion("", 4, [{ name: "i", type: int, bit_offset: 0 }]);
  b.addEnum("color", 4, [
    { name: "RED", val: 1 },
    { name: "DARK", val: -1 },
  ]);
  b.addEnum64("big", 8, [{ name: "HUGE", val: 0x8000_0000_0000_0000n }]);
  b.addFwd("opaque");
  const alias = b.addTypedef("node_t", ptr + 1);
  const constant = b.addConst(alias);
  const volatile = b.addVolatile(constant);
  const restrict = b.addRestrict(volatile);
  b.addTypeTag("user", restrict);
  const proto = b.addFuncProto(int, [
    { name: "n", type: ptr },
    { name: "", type: 0 },
  ]);
  const func = b.addFunc("visit", proto);
  const variable = b.addVar("head", ptr);
  b.addDatasec(".bss", 8, [{ type: variable, offset: 0, size: 8 }]);
  b.addFloat("double", 8);
  b.addDeclTag("kfunc", func);
  b.addDeclTag("arg", func, 0);
  return b;
}

describe("round trip", () => {
  test("every kind survives emit and parse", () => {
    const builder = everyKind();
    const btf = builder.build();
    const seen = new Set(builder.types.map((type) => type.kind));
    expect(seen.size).toBe(KINDS.length - 1);
    expect(btf.nrTypes).toBe(builder.types.length + 1);
    for (const [i, type] of builder.types.entries()) expect(btf.type(i + 1)).toMatchObject(type);
  });

  test("a header of 32 bytes is read as one of 24", () => {
    const bytes = everyKind().emit();
    const wide = new Uint8Array(bytes.length + 8);
    wide.set(bytes.subarray(0, 24));
    wide.set(bytes.subarray(24), 32);
    wide[4] = 32;
    expect(Btf.parse(wide).type(5)).toEqual(Btf.parse(bytes).type(5));
  });

  test("split BTF continues ids and strings of its base", () => {
    const base = everyKind().build();
    const builder = new BtfBuilder(base);
    const id = builder.addPtr(base.findByName("node")!);
    const named = builder.addTypedef("node_ptr", id);
    const split = builder.build();
    expect(named).toBe(base.nrTypes + 1);
    expect(split.type(named)).toEqual({ kind: "TYPEDEF", name: "node_ptr", type: id });
    expect(split.type(1)).toBe(base.type(1));
    expect(split.findByName("node")).toBe(base.findByName("node"));
    expect(split.findByName("node_ptr")).toBe(named);
    expect(base.findByName("node_ptr")).toBeUndefined();
  });
});

describe("lookup", () => {
  const btf = everyKind().build();

  test("by name and kind", () => {
    expect(btf.type(btf.findByName("node")!)).toMatchObject({ kind: "STRUCT", size: 24 });
    expect(btf.findByName("node", "TYPEDEF")).toBeUndefined();
    expect(btf.findByName("nod")).toBeUndefined();
    expect(btf.findByName("")).toBeUndefined();
  });

  test("all of one name, ascending", () => {
    const b = new BtfBuilder();
    const first = b.addFwd("twin");
    const second = b.addStruct("twin", 0, []);
    b.addStruct("twin___old", 0, []);
    expect(b.build().findAllByName("twin")).toEqual([first, second]);
    expect(b.build().findAllByName("twin", "STRUCT")).toEqual([second]);
    expect([...b.build().candidates("twin")]).toEqual([first, second, second + 1]);
  });

  test("modifiers and typedefs are skipped", () => {
    const tag = btf.findByName("user")!;
    expect(btf.resolved(tag)).toMatchObject({ kind: "STRUCT", name: "node" });
  });

  const sizes: [what: string, id: number, size: number][] = [
    ["int", 1, 4],
    ["pointer", 4, 8],
    ["array", 6, 12],
    ["tagged struct", btf.findByName("user")!, 24],
    ["variable", btf.findByName("head")!, 8],
    ["section", btf.findByName(".bss")!, 8],
  ];
  test.each(sizes)("size of %s", (_what, id, size) => {
    expect(btf.sizeOf(id)).toBe(size);
  });

  test.each([
    ["a___b", "a"],
    ["a___b___c", "a___b"],
    ["a__b", "a__b"],
    ["___b", "___b"],
    ["a____b", "a____b"],
    ["a___", "a___"],
  ])("essential name of %s", (name, stem) => {
    expect(essentialName(name)).toBe(stem);
  });
});

describe("bad input", () => {
  const codeOf = (run: () => unknown): string => {
    try {
      run();
    } catch (error) {
      if (error instanceof BtfError) return error.code;
      throw error;
    }
    return "accepted";
  };
  const good = everyKind().emit();
  const patched = (at: number, value: number): Uint8Array => {
    const copy = good.slice();
    copy[at] = value;
    return copy;
  };

  test.each([
    ["empty", new Uint8Array(0), "BTF_TRUNCATED"],
    ["magic", patched(0, 0), "BTF_MAGIC"],
    ["big-endian", Uint8Array.of(0xeb, 0x9f, 1, 0), "BTF_BIG_ENDIAN"],
    ["version", patched(2, 2), "BTF_VERSION"],
    ["header length", patched(4, 8), "BTF_HEADER"],
    ["kind", patched(24 + 7, 20), "BTF_KIND"],
    ["vlen of a kind without elements", patched(24 + 6, 0xff), "accepted"],
  ])("%s", (_what, bytes, code) => {
    expect(codeOf(() => Btf.parse(bytes))).toBe(code);
  });

  test("every truncation is told", () => {
    for (let length = 0; length < good.length; length++) {
      expect(codeOf(() => Btf.parse(good.subarray(0, length)))).toMatch(/^BTF_/);
    }
  });

  test("every single changed byte gives a valid BTF or a BtfError", () => {
    for (let at = 0; at < good.length; at++) {
      for (const value of [0, 1, 0x7f, 0xff, good[at] ^ 0x10]) {
        codeOf(() => {
          const btf = Btf.parse(patched(at, value));
          for (let id = 0; id < btf.nrTypes; id++) {
            codeOf(() => btf.type(id));
            codeOf(() => btf.sizeOf(id));
            codeOf(() => btf.skipModifiers(id));
          }
        });
      }
    }
  });

  test("types that end nowhere", () => {
    const b = new BtfBuilder();
    const id = b.addTypedef("a", b.nextId);
    b.addArray(b.nextId, 0, 1);
    const btf = b.build();
    expect(codeOf(() => btf.skipModifiers(id))).toBe("BTF_LOOP");
    expect(codeOf(() => btf.sizeOf(id + 1))).toBe("BTF_LOOP");
    expect(codeOf(() => btf.sizeOf(0))).toBe("BTF_SIZE");
    for (const bad of [-1, 3, 0.5, Number.NaN, 2 ** 32]) expect(codeOf(() => btf.type(bad))).toBe("BTF_ID");
  });
});

const VMLINUX = new URL("../../../../shared/linux-7.2.13.btf.xz", import.meta.url).pathname;

describe.skipIf(!existsSync(VMLINUX))("the BTF of a real kernel (skipped without ../shared)", () => {
  const bytes = existsSync(VMLINUX)
    ? new Uint8Array(execFileSync("xz", ["-dc"], { input: readFileSync(VMLINUX), maxBuffer: 1 << 26 }))
    : new Uint8Array();

  test("types and lookups", () => {
    const btf = Btf.parse(bytes);
    const ops = btf.type(btf.findByName("io_uring_bpf_ops", "STRUCT")!);
    expect(ops).toMatchObject({ size: 24 });
    expect(btf.type(btf.findByName("bpf_io_uring_submit_sqes", "FUNC")!)).toMatchObject({ kind: "FUNC" });
  });

  test("every type is written as it was read", () => {
    const btf = Btf.parse(bytes);
    // where a name occurs twice in the string section, the offset of the type at hand counts
    let differing = 0;
    for (let id = 1; id < btf.nrTypes; id++) {
      const raw = btf.rawType(id);
      const words = encodeType(btf.type(id), () => 0);
      const written = new Uint8Array(new Uint32Array(words).buffer);
      if (written.length !== raw.length || toHex(written.subarray(4, 12)) !== toHex(raw.subarray(4, 12))) differing++;
    }
    expect(differing).toBe(0);
  });
});
