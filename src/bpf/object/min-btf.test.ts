// A cut-down target must serve its objects as the whole one does.

import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { addIoUring, fixture } from "../../../testdata/elf/fixtures.ts";
import { Btf, BtfBuilder, dumpC } from "../btf/index.ts";
import { loadBtf } from "./load-btf.ts";
import { minimizeBtf } from "./min-btf.ts";
import { BpfObject } from "./object.ts";

const open = (name: string): BpfObject => BpfObject.open(fixture(name), { name });

/** What resolving yields, ids of types aside. */
function outcome(object: BpfObject, target: Btf): unknown {
  const reports = object
    .coreReports({ target })
    .map(({ kind, value, poison, target: path, after }) =>
      kind === "type_id_target"
        ? [kind, value !== 0n]
        : [kind, value, poison, path?.replace(/^\[\d+\]/, "").replace(/\([\d:]+/, ""), after],
    );
  const calls = object.programs.map(({ name }) =>
    object
      .resolve(name, { target })
      .insns.map((insn) => (insn.code === 0x85 && insn.src_reg === 2 ? target.nameOf(insn.imm) : insn.code)),
  );
  const ops = object.structOps
    .map(({ name }) => object.resolveStructOps(name, { target }))
    .map(({ type_id: _id, ...rest }) => rest);
  return { reports, calls, ops };
}

/** A target with more than anybody needs. */
function rich(): Btf {
  const b = new BtfBuilder();
  addIoUring(b);
  const u32 = b.addInt("unsigned int", 4);
  const u64 = b.addInt("unsigned long long", 8);
  const other = b.addStruct(
    "other",
    4096,
    Array.from({ length: 100 }, (_, i) => ({ name: `m${i}`, type: u64, bit_offset: i * 64 })),
  );
  const inner = b.addStruct("inner", 8, [
    { name: "a", type: u32, bit_offset: 0 },
    { name: "b", type: u32, bit_offset: 32 },
  ]);
  b.addStruct("sample", 128, [
    { name: "first", type: u32, bit_offset: 32 },
    { name: "unused", type: b.addPtr(other), bit_offset: 64 },
    { name: "moved", type: u64, bit_offset: 128 },
    { name: "array", type: b.addArray(u32, u32, 8), bit_offset: 192 },
    { name: "nested", type: b.addArray(inner, u32, 2), bit_offset: 448 },
  ]);
  b.addEnum("level", 4, [{ name: "HIGH", val: 9 }]);
  b.addStruct("unrelated", 8, [{ name: "x", type: u64, bit_offset: 0 }]);
  return b.build();
}

describe("minimizeBtf", () => {
  const target = rich();

  test.each([["core.clang19.v4"], ["core.clang19.v3"], ["loop.clang19.v4"], ["plain.clang19.v3"]])(
    "%s resolves as before",
    (name) => {
      const small = Btf.parse(minimizeBtf(target, [open(name)]));
      expect(outcome(open(name), small)).toEqual(outcome(open(name), target));
      expect(small.findByName("unrelated")).toBeUndefined();
      expect(small.nrTypes).toBeLessThan(target.nrTypes);
    },
  );

  test("several objects share one", () => {
    const objects = [open("core.clang19.v4"), open("loop.clang19.v4")];
    const small = Btf.parse(minimizeBtf(target, objects));
    for (const object of objects) expect(outcome(object, small)).toEqual(outcome(object, target));
  });

  const vmlinux = new URL("../../../../shared/linux-7.2.13.btf.xz", import.meta.url).pathname;
  test.skipIf(!existsSync(vmlinux))("a real kernel's 5 MB become a few KB (skipped without ../shared)", () => {
    const whole = Btf.parse(
      new Uint8Array(execFileSync("xz", ["-dc"], { input: readFileSync(vmlinux), maxBuffer: 1 << 26 })),
    );
    const object = open("loop.clang19.v4");
    const bytes = minimizeBtf(whole, [object]);
    expect(bytes.length).toBeLessThan(10_000);
    expect(outcome(object, Btf.parse(bytes))).toEqual(outcome(object, whole));
    expect(dumpC(Btf.parse(bytes))).toContain("struct io_uring_bpf_ops {");
  });
});

test("loadBtf takes objects and BTF files", () => {
  const fromObject = loadBtf(fixture("plain.clang19.v3"));
  expect(loadBtf(fromObject.bytes).nrTypes).toBe(fromObject.nrTypes);
});
