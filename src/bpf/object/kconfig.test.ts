// Externs of the kernel's configuration: their places, and what they are filled with.

import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import type { LoopstepError } from "../../base/index.ts";
import { readElf, STB_WEAK } from "../../elf/index.ts";
import { BTF_EXTERN, BtfBuilder } from "../btf/index.ts";
import { kconfigEntries, type KernelConfig } from "./kconfig.ts";
import { BpfObject } from "./object.ts";

const BYTES = readFileSync(path.join(import.meta.dirname, "../../../testdata/loops/kconfig.bpf.o"));
const STB_GLOBAL = 1;
const SYMBOL = 24;

const kernel = (options: Readonly<Record<string, string>> = {}, version = 0x70_20d): KernelConfig => ({
  version,
  option: (name) => options[name],
});

function valueOf(name: string, text: string): unknown {
  const object = BpfObject.open(BYTES);
  object.configure(kernel({ [name]: text }));
  return object.values.get(name);
}

function errorOf(run: () => unknown): Partial<LoopstepError> {
  try {
    run();
  } catch (error) {
    const { code, message } = error as LoopstepError;
    return { code, message };
  }
  return {};
}

/** The object with an extern that it cannot do without. */
function strong(name: string): Uint8Array {
  const bytes = new Uint8Array(BYTES);
  const elf = readElf(bytes);
  const { index } = elf.symbols.find((symbol) => symbol.name === name)!;
  const table = elf.sections.find((section) => section.name === ".symtab")!;
  const info = table.data.byteOffset - bytes.byteOffset + index * SYMBOL + 4;
  expect(bytes[info] >> 4).toBe(STB_WEAK);
  bytes[info] = STB_GLOBAL << 4;
  return bytes;
}

describe("the section", () => {
  const object = BpfObject.open(BYTES, { name: "kconfig" });

  it("lies in memory as libbpf lays it out: by alignment, size, and name", () => {
    const places = object.globals.filter(({ section }) => section === ".kconfig");
    expect(places.map(({ name, offset, size, constant }) => [name, offset, size, constant])).toEqual([
      ["CONFIG_NO_SUCH_OPTION", 0, 8, true],
      ["CONFIG_BLOCK", 8, 4, true],
      ["CONFIG_HZ", 12, 4, true],
      ["LINUX_KERNEL_VERSION", 16, 4, true],
      ["CONFIG_IO_URING_BPF_OPS", 20, 1, true],
      ["CONFIG_NET", 21, 1, true],
      ["LINUX_HAS_BPF_COOKIE", 22, 1, true],
      ["CONFIG_DEFAULT_HOSTNAME", 23, 4, true],
    ]);
  });

  it("is a constant map of its own, which the program refers to", () => {
    const index = object.maps.findIndex(({ section }) => section === ".kconfig");
    expect(object.maps[index]).toMatchObject({
      name: "kconfig.kconfig",
      value_size: 27,
      map_flags: 0x480,
      frozen: false,
    });
    const references = object.relocations.filter(({ map }) => map === index);
    expect(references.find(({ symbol }) => symbol === "CONFIG_HZ")).toMatchObject({ kind: "data", offset: 12 });
    expect(object.externs.map(({ name }) => name)).not.toContain("CONFIG_HZ");
  });

  it.each([
    ["a struct", (b: BtfBuilder) => b.addVar("a", b.addStruct("s", 4, []), BTF_EXTERN), "values of this type"],
    [
      "a wide bool",
      (b: BtfBuilder) => b.addVar("a", b.addInt("b", 4, { bool: true }), BTF_EXTERN),
      "values of this type",
    ],
    ["another enum", (b: BtfBuilder) => b.addVar("a", b.addEnum("e", 4, []), BTF_EXTERN), "values of this type"],
    [
      "an empty array",
      (b: BtfBuilder) => b.addVar("a", b.addArray(b.addInt("char", 1), 1, 0), BTF_EXTERN),
      "values of",
    ],
    [
      "very long texts",
      (b: BtfBuilder) => b.addVar("a", b.addArray(b.addInt("char", 1), 1, 0x7fff_ffff), BTF_EXTERN),
      "too large",
    ],
    ["a function", (b: BtfBuilder) => b.addFunc("f", b.addFuncProto(0, []), BTF_EXTERN), "only variables"],
  ])("cannot hold %s", (_, add, says) => {
    const builder = new BtfBuilder();
    builder.addInt("int", 4);
    const id = builder.addDatasec(".kconfig", 0, [{ type: add(builder), offset: 0, size: 4 }]);
    const error = errorOf(() => kconfigEntries(builder.build(), id));
    expect(error).toMatchObject({ code: "OBJECT_KCONFIG", message: expect.stringContaining(says) as string });
  });
});

describe("values", () => {
  it("are those of the kernel, and 0 for a weak extern that it does not have", () => {
    const object = BpfObject.open(BYTES);
    object.configure(kernel({ CONFIG_HZ: "250" }));
    expect(object.values.values()).toMatchObject({
      LINUX_KERNEL_VERSION: 0x7_020d,
      LINUX_HAS_BPF_COOKIE: true,
      CONFIG_HZ: 250,
      CONFIG_NO_SUCH_OPTION: 0n,
    });
  });

  it("are constants for the verifier only once they are filled in", () => {
    const object = BpfObject.open(BYTES);
    const map = object.maps.find(({ section }) => section === ".kconfig")!;
    expect(map.frozen).toBe(false);
    object.configure(kernel());
    expect(map.frozen).toBe(true);
  });

  it("that the host has set stay", () => {
    const object = BpfObject.open(BYTES);
    object.values.set("CONFIG_HZ", 1000);
    object.values.set("LINUX_KERNEL_VERSION", 0x60600);
    object.configure(kernel({ CONFIG_HZ: "250" }));
    expect(object.values.get("CONFIG_HZ")).toBe(1000);
    expect(object.values.get("LINUX_KERNEL_VERSION")).toBe(0x60600);
  });

  it("are those of the last kernel it was configured for", () => {
    const object = BpfObject.open(BYTES);
    object.configure(kernel({}, 0x60600));
    object.configure(kernel({}, 0x70100));
    expect(object.values.get("LINUX_KERNEL_VERSION")).toBe(0x70100);
  });

  const text = (value: string): number[] => [...`${value}\0\0\0`].slice(0, 4).map((char) => char.charCodeAt(0));
  it.each([
    ["CONFIG_HZ", "0x10", 16],
    ["CONFIG_HZ", "010", 8],
    ["CONFIG_HZ", "-5", -5],
    ["CONFIG_NO_SUCH_OPTION", "0xffffffffffffffff", 0xffff_ffff_ffff_ffffn],
    ["CONFIG_IO_URING_BPF_OPS", "y", true],
    ["CONFIG_IO_URING_BPF_OPS", "n", false],
    ["CONFIG_IO_URING_BPF_OPS", "1", true],
    ["CONFIG_BLOCK", "m", 2],
    ["CONFIG_NET", "m", "m".charCodeAt(0)],
    ["CONFIG_NET", "7", 7],
    ["CONFIG_DEFAULT_HOSTNAME", '"ab"', text("ab")],
    ["CONFIG_DEFAULT_HOSTNAME", '"abcdef"', text("abc")],
  ])("%s=%s", (name, value, expected) => {
    expect(valueOf(name, value)).toEqual(expected);
  });

  it.each([
    ["CONFIG_HZ", "y"],
    ["CONFIG_HZ", '"250"'],
    ["CONFIG_HZ", "0x100000000"],
    ["CONFIG_HZ", "2147483648"],
    ["CONFIG_HZ", "12x"],
    ["CONFIG_IO_URING_BPF_OPS", "m"],
    ["CONFIG_IO_URING_BPF_OPS", "2"],
    ["CONFIG_BLOCK", "1"],
    ["CONFIG_NET", "300"],
    ["CONFIG_DEFAULT_HOSTNAME", "y"],
    ["CONFIG_DEFAULT_HOSTNAME", "5"],
  ])("%s=%s is of another type", (name, value) => {
    expect(errorOf(() => valueOf(name, value)).code).toBe("OBJECT_KCONFIG");
  });

  it("of an extern that is not weak have to be known, or set", () => {
    const bytes = strong("CONFIG_HZ");
    const { code, message } = errorOf(() => BpfObject.open(bytes).configure(kernel()));
    expect(code).toBe("OBJECT_KCONFIG");
    expect(message).toMatch(/is not known .*CONFIG_HZ.*--set CONFIG_HZ=NUMBER/);
    const object = BpfObject.open(bytes);
    object.values.set("CONFIG_HZ", 100);
    object.configure(kernel());
    expect(object.values.get("CONFIG_HZ")).toBe(100);
  });
});
