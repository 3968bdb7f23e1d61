// CO-RE: one object with every kind of relocation (testdata/elf/core.bpf.c), against small targets that differ from it.

import { describe, expect, test } from "vitest";
import { addIoUring, fixture } from "../../../testdata/elf/fixtures.ts";
import { BpfObject } from "../object/index.ts";
import type { Insn } from "../isa/index.ts";
import type { Btf } from "./btf.ts";
import { BtfBuilder } from "./builder.ts";
import { BtfError } from "./errors.ts";
import { formatType } from "./format.ts";
import type { CoreRelo } from "./ext-info.ts";
import { CORE_KINDS, type CoreKind } from "./core-spec.ts";
import { CORE_POISON, patchCore, resolveCoreRelo } from "./relo-core.ts";

interface Ids {
  readonly b: BtfBuilder;
  readonly u32: number;
  readonly u64: number;
  readonly s32: number;
  readonly inner: number;
}

/** A target with ints and `struct inner`, and what `more` adds. */
function targetWith(more: (ids: Ids) => void): Btf {
  const b = new BtfBuilder();
  addIoUring(b);
  const u32 = b.addInt("unsigned int", 4);
  const u64 = b.addInt("unsigned long long", 8);
  const s32 = b.addInt("int", 4, { signed: true });
  const inner = b.addStruct("inner", 12, [
    { name: "new_first", type: u32, bit_offset: 0 },
    { name: "a", type: u32, bit_offset: 32 },
    { name: "b", type: u32, bit_offset: 64 },
  ]);
  more({ b, u32, u64, s32, inner });
  return b.build();
}

const ARRAY = 4;

/** `struct sample` with everything moved by 64 bits, nested unions, wider bitfields, and without `gone`. */
function addSample({ b, u32, u64, s32, inner }: Ids, name = "sample"): number {
  const array = b.addArray(u32, u32, ARRAY);
  const nested = b.addArray(inner, u32, 2);
  const union = b.addUnion("", 8, [
    { name: "in_union_wide", type: u64, bit_offset: 0 },
    {
      name: "",
      type: b.addStruct("", 8, [
        { name: "pad", type: u32, bit_offset: 0 },
        { name: "in_union", type: u32, bit_offset: 32 },
      ]),
      bit_offset: 0,
    },
  ]);
  return b.addStruct(name, 80, [
    { name: "moved", type: b.addTypedef("alias_t", b.addConst(u64)), bit_offset: 0 },
    { name: "first", type: u32, bit_offset: 64 },
    { name: "array", type: array, bit_offset: 96 },
    { name: "nested", type: nested, bit_offset: 224 },
    { name: "", type: union, bit_offset: 448 },
    { name: "bits", type: u32, bit_offset: 515, bitfield_size: 9 },
    { name: "signed_bits", type: s32, bit_offset: 524, bitfield_size: 7 },
    { name: "pointer", type: b.addPtr(0), bit_offset: 576 },
  ]);
}

function addEnums({ b }: Ids): void {
  b.addEnum("level", 4, [
    { name: "NONE", val: 0 },
    { name: "LOW", val: 10 },
    { name: "HIGH___new", val: 20 },
  ]);
  b.addEnum64("wide", 8, [{ name: "WIDE", val: 0x2_0000_0005n }]);
}

const CHANGED = targetWith((ids) => {
  addSample(ids);
  addEnums(ids);
});

/** `kind path` -> result, for each relocation of the fixture. */
function resultsOf(object: BpfObject, target: Btf): Map<string, string> {
  return new Map(
    object
      .coreReports({ target })
      .map((report) => [
        `${report.kind} ${report.local.replace(/^\[\d+\] (struct |enum |enum64 )?/, "").replace(/ (\(|= ).*$/, "")}`,
        report.poison ? "poison" : report.misfit ? "misfit" : `${BigInt.asIntN(64, report.value)}`,
      ]),
  );
}

const EXPECTED: Readonly<Record<string, string>> = {
  "field_byte_offset sample.first": "8",
  "field_byte_offset sample.moved": "0",
  "field_byte_offset sample.array[2]": "20",
  "field_byte_offset sample.nested[1].b": `${28 + 12 + 8}`,
  "field_byte_offset sample.in_union": `${56 + 4}`,
  "field_byte_offset sample.pointer": "72",
  "field_byte_size sample.moved": "8",
  "field_exists sample.moved": "1",
  "field_exists sample.gone": "0",
  "field_byte_offset sample.bits": "64",
  "field_byte_size sample.bits": "4",
  "field_signed sample.bits": "0",
  "field_signed sample.signed_bits": "1",
  "field_lshift_u64 sample.bits": `${64 - (515 + 9 - 512)}`,
  "field_rshift_u64 sample.bits": `${64 - 9}`,
  "field_exists sample___old.renamed": "0",
  "type_exists sample": "1",
  "type_exists absent": "0",
  "type_size sample": "80",
  "type_matches inner": "1",
  "enumval_exists level::HIGH": "1",
  "enumval_value level::HIGH": "20",
  "enumval_exists level::NEVER": "0",
  "enumval_value wide::WIDE": `8589934597`,
  "field_byte_offset sample.gone": "poison",
};

describe.each(["core.clang19.v3", "core.clang19.v4"])("%s", (name) => {
  const object = BpfObject.open(fixture(name), { name });

  test("has every kind of relocation", () => {
    const kinds = new Set(object.coreReports({ target: CHANGED }).map((report) => report.kind));
    expect([...kinds].sort()).toEqual([...CORE_KINDS].sort());
  });

  test.each(Object.entries(EXPECTED))("%s is %s in a changed target", (what, value) => {
    expect(resultsOf(object, CHANGED).get(what)).toBe(value);
  });

  test("a target that has the object's own types changes nothing", () => {
    // all but the flavor, beside which the type itself would be ambiguous
    const own = new BtfBuilder();
    for (let id = 1; id < object.btf.nrTypes; id++) {
      const type = object.btf.type(id);
      own.add(type.name === "sample___old" ? { ...type, name: "unrelated" } : type);
    }
    const reports = object.coreReports({ target: own.build() });
    for (const report of reports) {
      if (report.local.includes("sample___old")) continue;
      expect([report.local, report.value]).toEqual([report.local, report.expected ?? report.value]);
    }
  });

  test("ids of types", () => {
    const reports = object.coreReports({ target: CHANGED });
    const id = (kind: CoreKind): number => Number(reports.find((report) => report.kind === kind)!.value);
    expect(object.btf.type(id("type_id_local"))).toMatchObject({ name: "sample" });
    expect(CHANGED.type(id("type_id_target"))).toMatchObject({ name: "sample", size: 80 });
  });

  test("an empty target: exists is 0, everything else poison or 0", () => {
    const empty = targetWith(() => {});
    const results = resultsOf(object, empty);
    for (const [what, value] of results) {
      const zero = /^(field_exists|enumval_exists|type_exists|type_size|type_matches|type_id_target)/.test(what);
      if (what.includes("inner") || what.startsWith("type_id_local")) continue;
      expect([what, value]).toEqual([what, zero ? "0" : "poison"]);
    }
    const program = object.resolve("step", { target: empty });
    expect(program.insns.some((insn) => insn.code === 0x85 && insn.imm === CORE_POISON)).toBe(true);
  });

  test("instructions are patched", () => {
    const report = object.coreReports({ target: CHANGED }).find(({ target }) => target?.includes(".array[2]"))!;
    const program = object.resolve("step", { target: CHANGED });
    const insn = program.insns[report.insn];
    expect(insn.code & 7 ? insn.off || insn.imm : insn.imm).toBe(20);
  });

  test("flavors of one type that agree are one; that disagree are refused", () => {
    const agreeing = targetWith((ids) => {
      addSample(ids);
      addSample(ids, "sample___2");
    });
    const id = object.btf.findByName("sample")!;
    const offset = relo("field_byte_offset", id, "0:0");
    expect(resolveCoreRelo(offset, object.btf, agreeing).value).toBe(8n);
    expect(() => resolveCoreRelo(relo("type_id_target", id, "0"), object.btf, agreeing)).toThrow(/disagree/);
    const disagreeing = targetWith((ids) => {
      addSample(ids);
      ids.b.addStruct("sample___2", 4, [{ name: "first", type: ids.u32, bit_offset: 0 }]);
    });
    expect(() => resolveCoreRelo(offset, object.btf, disagreeing)).toThrow(/disagree/);
  });
});

/** A relocation of the first type of `local`, against `target`. */
const relo = (kind: CoreKind, type_id: number, access: string): CoreRelo => ({
  insn_off: 0,
  type_id,
  access,
  kind: CORE_KINDS.indexOf(kind),
});

/** `struct s { T field; }` */
function structOf(type: (b: BtfBuilder) => number, name = "s"): { btf: Btf; id: number } {
  const b = new BtfBuilder();
  const field = type(b);
  const id = b.addStruct(name, 64, [{ name: "field", type: field, bit_offset: 64 }]);
  return { btf: b.build(), id };
}

const u = (size: number) => (b: BtfBuilder) => b.addInt(`u${size}`, size);
const s = (size: number) => (b: BtfBuilder) => b.addInt(`s${size}`, size, { signed: true });
const pointer = (b: BtfBuilder): number => b.addPtr(0);
const arrayOf = (inner: (b: BtfBuilder) => number, n: number) => (b: BtfBuilder) => b.addArray(inner(b), 0, n);

describe("a field of another type", () => {
  const load = (code: number): Insn[] => [{ code, dst_reg: 0, src_reg: 1, off: 8, imm: 0 }];
  test.each<[string, (b: BtfBuilder) => number, (b: BtfBuilder) => number, number]>([
    ["the same size", u(4), u(4), 0x61],
    ["a wider unsigned integer", u(4), u(8), 0x79],
    ["a narrower unsigned integer", u(4), u(1), 0x71],
    ["a wider signed integer", s(4), s(8), 0x85],
    ["an array of them", arrayOf(u(4), 2), arrayOf(u(4), 9), 0x61],
    ["another kind", u(4), pointer, 0x85],
  ])("%s", (_what, mine, theirs, code) => {
    const [local, target] = [structOf(mine), structOf(theirs)];
    const insns = load(0x61);
    patchCore(insns, 0, resolveCoreRelo(relo("field_byte_offset", local.id, "0:0"), local.btf, target.btf));
    expect(insns[0].code).toBe(code);
    expect(insns[0].off).toBe(code === 0x85 ? 0 : 8);
  });
});

describe("types that match", () => {
  const node = (fields: string[]) => (b: BtfBuilder) =>
    b.addStruct(
      "node",
      64,
      fields.map((name, i) => ({ name, type: u(4)(b), bit_offset: i * 32 })),
    );
  test.each<[string, (b: BtfBuilder) => number, (b: BtfBuilder) => number, boolean]>([
    ["same integer", u(4), u(4), false],
    ["pointers to void", pointer, pointer, true],
    ["fewer members", node(["a"]), node(["a", "b"]), true],
    ["more members", node(["a", "c"]), node(["a", "b"]), false],
    ["behind a pointer names suffice", (b) => b.addPtr(node(["a", "c"])(b)), (b) => b.addPtr(node([])(b)), true],
    [
      "a forward declaration behind a pointer",
      (b) => b.addPtr(b.addFwd("node")),
      (b) => b.addPtr(node(["a"])(b)),
      true,
    ],
    [
      "enums by name, not value",
      (b) => b.addEnum("e", 4, [{ name: "A", val: 1 }]),
      (b) => b.addEnum64("e", 4, [{ name: "A", val: 2 }]),
      true,
    ],
    ["array lengths", arrayOf(pointer, 2), arrayOf(pointer, 3), false],
    [
      "functions",
      (b) => b.addPtr(b.addFuncProto(0, [{ name: "x", type: pointer(b) }])),
      (b) => b.addPtr(b.addFuncProto(0, [])),
      false,
    ],
  ])("%s", (what, mine, theirs, matches) => {
    const [local, target] = [structOf(mine), structOf(theirs)];
    const result = resolveCoreRelo(relo("type_matches", local.id, "0"), local.btf, target.btf);
    // integers of one size match whatever they are called
    expect(result.value === 1n).toBe(what === "same integer" ? true : matches);
  });
});

describe("nonsense is refused", () => {
  const { btf, id } = structOf(u(4));
  test.each<[string, CoreRelo]>([
    ["an unknown kind", { ...relo("field_exists", id, "0:0"), kind: 99 }],
    ["an empty path", relo("field_exists", id, "")],
    ["a path of words", relo("field_exists", id, "0:x")],
    ["a member that is not there", relo("field_exists", id, "0:7")],
    ["a path through an integer", relo("field_exists", id, "0:0:0")],
    ["a path too long", relo("field_exists", id, Array(99).fill("0").join(":"))],
    ["a type with a path", relo("type_exists", id, "0:0")],
    ["an enumerator of a struct", relo("enumval_value", id, "0")],
    ["a type that is not there", relo("type_exists", 99, "0")],
  ])("%s", (_what, bad) => {
    expect(() => resolveCoreRelo(bad, btf, btf)).toThrow(BtfError);
  });

  test("an instruction that holds another value, or no value", () => {
    const result = resolveCoreRelo(relo("field_byte_offset", id, "0:0"), btf, btf);
    for (const insn of [
      { code: 0x61, dst_reg: 0, src_reg: 1, off: 4, imm: 0 },
      { code: 0x95, dst_reg: 0, src_reg: 0, off: 0, imm: 0 },
      { code: 0x0f, dst_reg: 0, src_reg: 1, off: 0, imm: 0 },
    ]) {
      expect(() => patchCore([insn], 0, result)).toThrow(BtfError);
    }
    expect(() => patchCore([], 0, result)).toThrow(BtfError);
  });
});

test("function types that refer to themselves over and over end all the same", () => {
  const build = (): { btf: Btf; id: number } => {
    const b = new BtfBuilder();
    const self = b.addPtr(b.nextId + 1);
    b.addFuncProto(
      self,
      Array.from({ length: 8 }, () => ({ name: "", type: self })),
    );
    const id = b.addStruct("s", 8, [{ name: "multiply", type: self, bit_offset: 0 }]);
    return { btf: b.build(), id };
  };
  const { btf, id } = build();
  for (const kind of ["type_exists", "type_matches"] as const) {
    let outcome: unknown;
    try {
      outcome = resolveCoreRelo(relo(kind, id, "0"), btf, build().btf).value;
    } catch (error) {
      outcome = error instanceof BtfError ? "told" : error;
    }
    expect([1n, "told"]).toContain(outcome);
  }
  expect(formatType(btf, 1).length).toBeLessThan(10_000_000);
});
