// BTF that Linux refuses, one case a reason, each by one change to BTF that it takes. Against Linux itself it is held in
// test/kernel-btf.test.ts.

import { describe, expect, it } from "vitest";
import { viewOf } from "../../base/index.ts";
import { Btf } from "./btf.ts";
import { BTF_EXTERN, BtfBuilder } from "./builder.ts";
import { loadProblem } from "./load-check.ts";

const INT = 1;
const PTR = 2;
const NODE = 3;
const ARRAY = 4;
const PROTO = 5;
const FUNC = 6;
const VAR = 7;
const FWD = 8;
const VOID = 0;

/** A little of everything, which Linux takes. */
function good(): BtfBuilder {
  const b = new BtfBuilder();
  b.addInt("int", 4, { signed: true });
  b.addPtr(NODE);
  b.addStruct("node", 24, [
    { name: "next", type: PTR, bit_offset: 0 },
    { name: "flags", type: INT, bit_offset: 64, bitfield_size: 3 },
    { name: "list", type: ARRAY, bit_offset: 96 },
  ]);
  b.addArray(INT, INT, 3);
  b.addFuncProto(INT, [{ name: "node", type: PTR }]);
  b.addFunc("visit", PROTO);
  b.addVar("head", PTR);
  b.addFwd("opaque");
  return b;
}

const members = (...list: readonly [type: number, bit_offset: number, bitfield_size?: number][]) =>
  list.map(([type, bit_offset, bitfield_size = 0], i) => ({ name: `m${i}`, type, bit_offset, bitfield_size }));

const CASES: readonly (readonly [reason: string, change: (b: BtfBuilder) => void])[] = [
  ["[9] TYPEDEF 2x Invalid name", (b) => b.addTypedef("2x", INT)],
  ["[9] FWD (anon) Invalid name", (b) => b.addFwd("")],
  ["[9] CONST c Invalid name", (b) => b.add({ kind: "CONST", name: "c", type: INT })],
  ["[9] DECL_TAG (anon) Invalid name", (b) => b.addDeclTag("", NODE)],
  ["[9] STRUCT a b Invalid name", (b) => b.addStruct("a b", 4, [])],
  ["[9] ENUM e Unexpected size", (b) => b.addEnum("e", 3, [])],
  ["[9] ENUM e Invalid name", (b) => b.addEnum("e", 4, [{ name: "", val: 1 }])],
  ["[9] FLOAT f Invalid type_size", (b) => b.addFloat("f", 3)],
  ["[9] INT i nr_bits exceeds type_size", (b) => b.addInt("i", 1, { bits: 9 })],
  ["[9] INT i nr_bits exceeds 128", (b) => b.addInt("i", 32, { bits: 120, offset: 9 })],
  ["[9] INT i Unsupported encoding", (b) => b.addInt("i", 1, { signed: true, bool: true })],
  ["[9] STRUCT s member m1: Invalid member bits_offset", (b) => b.addStruct("s", 16, members([INT, 32], [INT, 0]))],
  ["[9] UNION u member m0: Invalid member bits_offset", (b) => b.addUnion("u", 16, members([INT, 32]))],
  [
    "[9] STRUCT s member m0: Member bits_offset exceeds its struct size",
    (b) => b.addStruct("s", 4, members([INT, 40])),
  ],
  ["[9] STRUCT s member m0: Member exceeds struct_size", (b) => b.addStruct("s", 4, members([INT, 8]))],
  ["[9] STRUCT s member m0: Member is not byte aligned", (b) => b.addStruct("s", 32, members([PTR, 4]))],
  ["[9] STRUCT s member m0: Invalid member bitfield_size", (b) => b.addStruct("s", 8, members([INT, 0, 33]))],
  ["[9] STRUCT s member m0: Invalid member bitfield_size", (b) => b.addStruct("s", 8, members([PTR, 0, 3]))],
  ["[9] STRUCT s member m0: Invalid member", (b) => b.addStruct("s", 8, members([VOID, 0]))],
  ["[9] STRUCT s member m0: Invalid member", (b) => b.addStruct("s", 8, members([FWD, 0]))],
  ["[9] STRUCT s member m0: Invalid member", (b) => b.addStruct("s", 8, members([VAR, 0]))],
  ["[9] STRUCT s member m0: Invalid member", (b) => b.addStruct("s", 8, members([99, 0]))],
  ["[9] VAR v Linkage not supported", (b) => b.addVar("v", INT, 3)],
  ["[9] VAR v Invalid type_id", (b) => b.addVar("v", VOID)],
  ["[9] VAR v Invalid type_id", (b) => b.addVar("v", FWD)],
  ["[9] DATASEC .bss size == 0", (b) => b.addDatasec(".bss", 0, [])],
  ["[9] DATASEC .bss type_id=7: Invalid offset", (b) => b.addDatasec(".bss", 8, [{ type: VAR, offset: 8, size: 8 }])],
  ["[9] DATASEC .bss type_id=7: Invalid size", (b) => b.addDatasec(".bss", 8, [{ type: VAR, offset: 0, size: 0 }])],
  [
    "[9] DATASEC .bss type_id=7: Invalid offset+size",
    (b) => b.addDatasec(".bss", 8, [{ type: VAR, offset: 4, size: 8 }]),
  ],
  ["[9] DATASEC .bss type_id=7: Invalid size", (b) => b.addDatasec(".bss", 8, [{ type: VAR, offset: 0, size: 4 }])],
  [
    "[9] DATASEC .bss type_id=1: Not a VAR kind member",
    (b) => b.addDatasec(".bss", 8, [{ type: INT, offset: 0, size: 4 }]),
  ],
  ["[9] ARRAY (anon) Invalid elem", (b) => b.addArray(VOID, INT, 1)],
  ["[9] ARRAY (anon) Invalid index", (b) => b.addArray(INT, PTR, 1)],
  ["[9] ARRAY (anon) Array size overflows U32_MAX", (b) => b.addArray(INT, INT, 2 ** 30)],
  ["[9] PTR (anon) Invalid type_id", (b) => b.addPtr(99)],
  ["[9] PTR (anon) Invalid type_id", (b) => b.addPtr(VAR)],
  ["[9] FUNC f Invalid type_id", (b) => b.addFunc("f", INT)],
  ["[9] FUNC f Invalid func linkage", (b) => b.addFunc("f", PROTO, 3)],
  ["[10] FUNC f Invalid arg#1", (b) => b.addFunc("f", b.addFuncProto(INT, [{ name: "", type: INT }]))],
  ["[9] FUNC_PROTO (anon) Invalid arg#2", (b) => b.addFuncProto(INT, [...args("a"), { name: "b", type: FWD }])],
  ["[9] FUNC_PROTO (anon) Invalid arg#1", (b) => b.addFuncProto(INT, [{ name: "a b", type: INT }])],
  ["[9] FUNC_PROTO (anon) Invalid arg#1", (b) => b.addFuncProto(INT, [{ name: "more", type: VOID }])],
  ["[9] FUNC_PROTO (anon) Invalid return type", (b) => b.addFuncProto(FWD, [])],
  ["[9] DECL_TAG t Invalid type_id", (b) => b.addDeclTag("t", INT)],
  ["[9] DECL_TAG t Invalid component_idx", (b) => b.addDeclTag("t", NODE, 3)],
  ["[9] DECL_TAG t Invalid component_idx", (b) => b.addDeclTag("t", FUNC, 1)],
  ["[9] DECL_TAG t Invalid component_idx", (b) => b.addDeclTag("t", VAR, 0)],
  ["[9] STRUCT s Loop detected", (b) => b.addStruct("s", 8, members([9, 0]))],
  ["[9] CONST (anon) Loop detected", (b) => b.addVolatile(b.addConst(10))],
  ["[9] PTR (anon) Loop detected", (b) => b.addPtr(b.addPtr(10))],
  ["[9] CONST (anon) Exceeded max resolving depth:32", (b) => chain(b, 40)],
];

const args = (...names: readonly string[]) => names.map((name) => ({ name, type: INT }));

/** Modifiers of modifiers, each before the one it refers to. */
function chain(b: BtfBuilder, length: number): void {
  for (let i = 1; i < length; i++) b.addConst(b.nextId + 1);
  b.addConst(INT);
}

describe("BTF as a loader hands it to Linux", () => {
  it("is taken when it is sound", () => {
    const b = good();
    b.addDatasec(".bss", 8, [{ type: VAR, offset: 0, size: 8 }]);
    b.addDeclTag("tag", FUNC, 0);
    b.addTypedef("opaque_t", FWD);
    b.addFuncProto(VOID, [...args("first"), { name: "", type: VOID }]);
    b.addEnum64("e", 8, [{ name: "A", val: 1 }]);
    b.addInt("a name of its own", 1);
    chain(b, 32);
    expect(loadProblem(b.build())).toBeUndefined();
  });

  it.each(CASES)("is refused: %s", (reason, change) => {
    const b = good();
    change(b);
    expect(loadProblem(b.build())).toBe(reason);
  });

  it("has what stands for the kernel's functions and variables replaced", () => {
    const b = good();
    const proto = b.addFuncProto(INT, [{ name: "", type: INT }]);
    const kfunc = b.addFunc("bpf_kfunc", proto, BTF_EXTERN);
    b.addDeclTag("bpf_kfunc", kfunc);
    b.addDatasec(".ksyms", 0, [{ type: kfunc, offset: 0, size: 0 }]);
    expect(loadProblem(b.build())).toBeUndefined();
  });

  it("has no reserved bit set", () => {
    const flag = 0x8000_0000;
    const vlen = 1;
    for (const [bits, reason] of [
      [flag, "Invalid btf_info kind_flag"],
      [vlen, "vlen != 0"],
    ] as const) {
      const b = new BtfBuilder();
      b.addPtr(VOID);
      const bytes = b.emit();
      const view = viewOf(bytes);
      view.setUint32(24 + 4, view.getUint32(24 + 4, true) | bits, true);
      expect(loadProblem(Btf.parse(bytes))).toBe(`[1] PTR (anon) ${reason}`);
    }
  });
});
