// Dumps: the raw form against bpftool's, the C form through clang, which must find sizes and offsets as BTF has them.

import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { fixture } from "../../../testdata/elf/fixtures.ts";
import { readElf } from "../../elf/index.ts";
import { Btf } from "./btf.ts";
import { BtfBuilder } from "./builder.ts";
import { dumpC } from "./dump-c.ts";
import { dumpJson } from "./dump-json.ts";
import { dumpRaw } from "./dump-raw.ts";
import { dumpTs } from "./dump-ts.ts";
import { BtfError } from "./errors.ts";
import { formatDeclaration, formatType } from "./format.ts";

const has = (program: string): boolean => spawnSync(program, ["--version"]).error === undefined;
const OBJECTS = new URL("../../../testdata/elf/", import.meta.url).pathname;
const scratch = mkdtempSync(join(tmpdir(), "loopstep-dump-"));
afterAll(() => rmSync(scratch, { recursive: true }));

const btfOf = (name: string): Btf =>
  Btf.parse(readElf(fixture(name)).sections.find((section) => section.name === ".BTF")!.data);

describe.skipIf(!has("bpftool"))("raw dumps equal bpftool's (skipped without bpftool)", () => {
  test.each(readdirSync(OBJECTS).filter((name) => name.endsWith(".o")))("%s", (name) => {
    const theirs = execFileSync("bpftool", ["btf", "dump", "file", OBJECTS + name], { encoding: "utf8" });
    expect(`${[...dumpRaw(btfOf(name.replace(".bpf.o", "")))].join("\n")}\n`).toBe(theirs);
  });
});

/** Structs that C would lay out differently unless told. */
function oddLayouts(): Btf {
  const b = new BtfBuilder();
  const u8 = b.addInt("unsigned char", 1);
  const u16 = b.addInt("unsigned short", 2);
  const u32 = b.addInt("unsigned int", 4);
  const u64 = b.addInt("long unsigned int", 8);
  const member = (name: string, type: number, bit_offset: number, bitfield_size = 0) => ({
    name,
    type,
    bit_offset,
    bitfield_size,
  });
  b.addStruct("packed", 5, [member("a", u8, 0), member("b", u32, 8)]);
  b.addStruct("packed_size", 6, [member("a", u32, 0), member("b", u16, 32)]);
  b.addStruct("hole", 64, [member("a", u8, 0), member("b", u8, 24), member("c", u64, 320)]);
  b.addStruct("bits", 16, [
    member("a", u32, 0, 3),
    member("b", u32, 7, 5),
    member("c", u8, 16),
    member("d", u32, 32, 31),
    member("e", u64, 64, 40),
  ]);
  b.addStruct("straddle", 8, [member("a", u32, 0, 20), member("b", u32, 20, 20), member("c", u8, 40)]);
  const holder = b.addStruct("aligned", 128, [member("a", u32, 0)]);
  b.addStruct("holds_aligned", 256, [member("x", u8, 0), member("inner", holder, 1024)]);
  b.addUnion("wide_union", 64, [member("a", u8, 0), member("b", u64, 0)]);
  const anonymous = b.addUnion("", 8, [member("p", u64, 0), member("q", u32, 0)]);
  b.addStruct("with_anonymous", 16, [member("head", u32, 0), member("", anonymous, 64)]);
  b.addStruct("empty", 0, []);
  b.addStruct("flexible", 8, [member("n", u32, 0), member("items", b.addArray(u64, u32, 0), 64)]);
  // two that point to each other, through a typedef and a function pointer
  const node = b.nextId + 4;
  const nodePtr = b.addPtr(node);
  const proto = b.addFuncProto(nodePtr, [
    { name: "self", type: nodePtr },
    { name: "", type: 0 },
  ]);
  const callback = b.addPtr(proto);
  const alias = b.addTypedef("callback_t", callback);
  b.addStruct("node", 32, [member("next", nodePtr, 0), member("visit", alias, 64), member("table", b.nextId + 1, 128)]);
  b.addArray(callback, u32, 2);
  b.addFwd("never_defined");
  b.addPtr(b.nextId - 1);
  b.addTypedef("opaque_t", b.nextId - 1);
  b.addEnum("level", 4, [
    { name: "LOW", val: -1 },
    { name: "HIGH", val: 1 },
  ]);
  b.addEnum("small", 1, [{ name: "SMALL", val: 1 }]);
  b.addEnum64("large", 8, [{ name: "LARGE", val: 2n ** 63n }]);
  b.addEnum("", 4, [{ name: "LOOSE", val: 7 }]);
  b.addStruct("level", 4, [member("clashes", u32, 0)]);
  b.addEnum("again", 4, [{ name: "LOW", val: 3 }]);
  b.addTypedef("odd_int", b.addInt("rust_u32", 4));
  b.addFloat("double", 8);
  const kfunc = b.addFunc("kfunc_of_ours", b.addFuncProto(callback, [{ name: "n", type: nodePtr }]));
  b.addDeclTag("bpf_kfunc", kfunc);
  return b.build();
}

function assertions(btf: Btf): string {
  const lines: string[] = [];
  for (let id = 1; id < btf.nrTypes; id++) {
    const type = btf.type(id);
    if ((type.kind !== "STRUCT" && type.kind !== "UNION") || type.name === "" || type.name === "level") continue;
    const tag = `${type.kind.toLowerCase()} ${type.name}`;
    lines.push(`_Static_assert(sizeof(${tag}) == ${type.size}, "sizeof ${tag}");`);
    for (const member of type.members) {
      if (member.name === "" || member.bitfield_size > 0) continue;
      lines.push(
        `_Static_assert(__builtin_offsetof(${tag}, ${member.name}) == ${member.bit_offset / 8}, "${tag}.${member.name}");`,
      );
    }
  }
  return lines.join("\n");
}

function compile(source: string, name: string): string {
  writeFileSync(join(scratch, name), source);
  const { stderr } = spawnSync(
    "clang-19",
    ["-target", "bpf", "-g", "-O2", "-Wall", "-Werror", "-c", join(scratch, name), "-o", join(scratch, "out.o")],
    { encoding: "utf8" },
  );
  return stderr;
}

describe.skipIf(!has("clang-19"))("C dumps compile and lay out as BTF says (skipped without clang-19)", () => {
  test("odd layouts", () => {
    const btf = oddLayouts();
    expect(compile(`${dumpC(btf)}\n${assertions(btf)}\nvoid *use(void) { return kfunc_of_ours; }\n`, "odd.c")).toBe("");
  });

  test("bitfields come out where BTF has them", () => {
    const btf = oddLayouts();
    compile(`${dumpC(btf)}\nstruct bits b; struct straddle s;\n`, "bits.c");
    const back = Btf.parse(
      readElf(new Uint8Array(readFileSync(join(scratch, "out.o")))).sections.find((section) => section.name === ".BTF")!
        .data,
    );
    for (const name of ["bits", "straddle"]) {
      const places = (of: Btf) => {
        const type = of.type(of.findByName(name, "STRUCT")!);
        return type.kind === "STRUCT"
          ? type.members.filter((m) => m.name !== "").map((m) => [m.name, m.bit_offset, m.bitfield_size])
          : [];
      };
      expect(places(back)).toEqual(places(btf));
    }
  });

  test("roots keep what they need", () => {
    const btf = oddLayouts();
    const text = dumpC(btf, { roots: ["holds_aligned"] });
    expect(text).toContain("struct aligned {");
    expect(text).not.toContain("struct packed");
    expect(compile(text, "roots.c")).toBe("");
    expect(() => dumpC(btf, { roots: ["no_such_type"] })).toThrow(BtfError);
  });

  test.each(["loop.clang19.v4", "core.clang19.v3", "loop.clang14.v3.linked"])("the types of %s", (name) => {
    const btf = btfOf(name);
    expect(compile(`${dumpC(btf)}\n${assertions(btf)}\n`, "types.c")).toBe("");
  });
});

describe("types as text", () => {
  const btf = oddLayouts();
  const node = btf.findByName("node", "STRUCT")!;
  const member = (name: string): number => {
    const type = btf.type(node);
    return type.kind === "STRUCT" ? type.members.find((m) => m.name === name)!.type : 0;
  };
  test.each([
    ["next", "struct node *"],
    ["visit", "callback_t"],
    ["table", "struct node *(*[2])(struct node *, ...)"],
  ])("%s", (name, text) => {
    expect(formatType(btf, member(name))).toBe(text);
  });

  test("qualifiers and names", () => {
    const b = new BtfBuilder();
    const int = b.addInt("int", 4);
    const constInt = b.addConst(int);
    const constPtr = b.addConst(b.addPtr(constInt));
    const array = b.addArray(b.addVolatile(int), int, 3);
    const built = b.build();
    expect(formatType(built, constPtr)).toBe("const int *const");
    expect(formatDeclaration(built, constPtr, "p")).toBe("const int *const p");
    expect(formatDeclaration(built, array, "a")).toBe("volatile int a[3]");
    expect(formatType(built, built.nrTypes - 1)).toBe("volatile int[3]");
  });
});

describe("other forms", () => {
  const btf = oddLayouts();

  test("TypeScript: values as readValue gives them", () => {
    const text = dumpTs(btf);
    expect(text).toContain("export type packed = {\n  readonly a: number;\n  readonly b: number;\n};");
    expect(text).toContain("export const large = {\n  LARGE: 9223372036854775808n,\n} as const;");
    // the enum of that name came first
    expect(text).toContain("export type level_ = {\n  readonly clashes: number;\n};");
    expect(text).toMatch(
      /export type with_anonymous = \{\n {2}readonly head: number;\n {2}readonly p: bigint;\n {2}readonly q: number;\n\};/,
    );
    const roots = dumpTs(btf, { roots: ["holds_aligned"] });
    expect([...roots.matchAll(/^export type (\w+)/gm)].map(([, name]) => name)).toEqual(["aligned", "holds_aligned"]);
    expect(() => dumpTs(btf, { roots: ["no_such_type"] })).toThrow(BtfError);
  });

  test("JSON: every type with its id, nothing that JSON cannot say", () => {
    const all = JSON.parse(JSON.stringify([...dumpJson(btf)])) as { id: number; kind: string; values?: unknown[] }[];
    expect(all.map(({ id }) => id)).toEqual(Array.from({ length: btf.nrTypes - 1 }, (_, i) => i + 1));
    expect(all.find(({ kind }) => kind === "ENUM64")!.values).toEqual([{ name: "LARGE", val: "9223372036854775808" }]);
  });
});

test("a struct that contains itself is refused", () => {
  const b = new BtfBuilder();
  b.addStruct("loop", 8, [{ name: "self", type: b.nextId, bit_offset: 0 }]);
  expect(() => dumpC(b.build())).toThrow(BtfError);
  expect(() => dumpTs(b.build())).toThrow(BtfError);
});
