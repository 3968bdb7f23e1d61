// Reading and writing: what is written is read back, real objects survive a round trip, bad tables are told.

import { describe, expect, test } from "vitest";
import { fixture, LOOPS } from "../../testdata/elf/fixtures.ts";
import {
  EM_BPF,
  SHF_ALLOC,
  SHF_EXECINSTR,
  SHT_NOBITS,
  SHT_PROGBITS,
  SHT_REL,
  SHT_STRTAB,
  SHT_SYMTAB,
  STB_GLOBAL,
  STB_LOCAL,
  STB_WEAK,
  STT_FUNC,
  STT_NOTYPE,
  STT_OBJECT,
  STT_SECTION,
  SHT_NULL,
  SHN_ABS,
} from "./constants.ts";
import { ElfError } from "./errors.ts";
import { readElf, type ElfFile } from "./read.ts";
import { writeElf, type ElfInit, type ElfSectionInit, type ElfSymbolInit } from "./write.ts";

function small(): ElfInit {
  const data: ElfSectionInit = { name: ".data", flags: SHF_ALLOC, data: Uint8Array.of(1, 2, 3), addralign: 8 };
  const bss: ElfSectionInit = {
    name: ".bss",
    type: SHT_NOBITS,
    flags: SHF_ALLOC,
    data: new Uint8Array(0),
    size: 64,
    addralign: 8,
  };
  const global: ElfSymbolInit = { name: "g", type: STT_OBJECT, bind: STB_GLOBAL, section: data, value: 1, size: 2 };
  const local: ElfSymbolInit = { name: "", type: STT_SECTION, bind: STB_LOCAL, section: bss, value: 0, size: 0 };
  const undefinedOne: ElfSymbolInit = {
    name: "u",
    type: STT_NOTYPE,
    bind: STB_WEAK,
    visibility: 2,
    section: undefined,
    value: 0,
    size: 0,
  };
  const text: ElfSectionInit = {
    name: ".text",
    flags: SHF_ALLOC | SHF_EXECINSTR,
    data: new Uint8Array(16),
    addralign: 8,
    relocations: [
      { offset: 0, type: 1, symbol: undefinedOne },
      { offset: 8, type: 10, symbol: local },
    ],
  };
  const func: ElfSymbolInit = { name: "f", type: STT_FUNC, bind: STB_LOCAL, section: text, value: 0, size: 16 };
  const absolute: ElfSymbolInit = { name: "a", type: STT_NOTYPE, bind: STB_GLOBAL, section: "abs", value: 7, size: 0 };
  return { machine: EM_BPF, sections: [data, bss, text], symbols: [global, local, undefinedOne, func, absolute] };
}

/** What a file says, its own tables left out. */
function facts(file: ElfFile): unknown {
  const own = new Set([SHT_NULL, SHT_REL, SHT_STRTAB, SHT_SYMTAB]);
  const nameOf = (index: number): string => (index === SHN_ABS ? "abs" : (file.sections[index]?.name ?? "?"));
  return {
    machine: file.machine,
    sections: file.sections
      .filter((section) => !own.has(section.type))
      .map(({ name, type, flags, size, addralign, entsize, data, index }) => ({
        name,
        type,
        flags,
        size,
        addralign,
        entsize,
        data: [...data],
        relocations: file
          .relocationsOf(index)
          .map(({ offset, type: kind, symbol }) => [offset, kind, symbol.name, nameOf(symbol.shndx), symbol.value]),
      })),
    symbols: file.symbols
      .map(({ name, type, bind, visibility, shndx, value, size }) => [
        name,
        type,
        bind,
        visibility,
        nameOf(shndx),
        value,
        size,
      ])
      .sort(),
  };
}

/** A file as something to write. */
function again(file: ElfFile): ElfInit {
  const own = new Set([SHT_NULL, SHT_REL, SHT_STRTAB, SHT_SYMTAB]);
  const relocations = new Map(
    file.sections.map(({ index }) => [index, [] as { offset: number; type: number; symbol: ElfSymbolInit }[]]),
  );
  const sections = new Map<number, ElfSectionInit>();
  for (const section of file.sections) {
    if (!own.has(section.type))
      sections.set(section.index, { ...section, relocations: relocations.get(section.index)! });
  }
  const symbols = file.symbols.slice(1).map((symbol): ElfSymbolInit => ({
    ...symbol,
    section: symbol.shndx === SHN_ABS ? "abs" : sections.get(symbol.shndx),
  }));
  for (const index of sections.keys()) {
    for (const { offset, type, symbol } of file.relocationsOf(index))
      relocations.get(index)!.push({ offset, type, symbol: symbols[symbol.index - 1] });
  }
  return { machine: file.machine, flags: file.flags, sections: [...sections.values()], symbols };
}

describe("round trips", () => {
  test("a small file says what it was told", () => {
    const file = readElf(writeElf(small()));
    expect(file.sections.map(({ name }) => name)).toEqual([
      "",
      ".data",
      ".bss",
      ".text",
      ".rel.text",
      ".symtab",
      ".strtab",
    ]);
    expect(file.sections[2]).toMatchObject({ type: SHT_NOBITS, size: 64, data: new Uint8Array(0) });
    expect(file.symbols.map(({ name, bind, shndx }) => [name, bind, shndx])).toEqual([
      ["", 0, 0],
      ["", STB_LOCAL, 2],
      ["f", STB_LOCAL, 3],
      ["g", STB_GLOBAL, 1],
      ["u", STB_WEAK, 0],
      ["a", STB_GLOBAL, SHN_ABS],
    ]);
    expect(file.symbols[4].visibility).toBe(2);
    expect(file.relocationsOf(3).map(({ offset, type, symbol }) => [offset, type, symbol.name, symbol.shndx])).toEqual([
      [0, 1, "u", 0],
      [8, 10, "", 2],
    ]);
    expect(writeElf(small())).toEqual(writeElf(small()));
  });

  test.each([...LOOPS, "core.clang19.v4", "plain.clang19.v3", "parts.linked"])("%s", (name) => {
    const file = readElf(fixture(name));
    const written = readElf(writeElf(again(file)));
    expect(facts(written)).toEqual(facts(file));
  });
});

describe("what cannot be written", () => {
  test.each<[string, (init: ElfInit) => ElfInit]>([
    ["a symbol in a section that is not there", (init) => ({ ...init, sections: init.sections.slice(1) })],
    [
      "a relocation to a symbol that is not there",
      (init) => ({ ...init, symbols: init.symbols.filter(({ name }) => name !== "u") }),
    ],
    ["a NUL in a name", (init) => ({ ...init, symbols: [...init.symbols, { ...init.symbols[0], name: "a\0b" }] })],
  ])("%s", (_what, change) => {
    expect(() => writeElf(change(small()))).toThrow(ElfError);
  });
});

describe("bad tables", () => {
  const good = writeElf(small());
  const view = new DataView(good.buffer);
  const shoff = Number(view.getBigUint64(40, true));
  const patch = (at: number, value: number): Uint8Array => {
    const copy = good.slice();
    new DataView(copy.buffer).setUint32(at, value, true);
    return copy;
  };
  const header = (section: number, field: number): number => shoff + section * 64 + field;
  test.each<[string, number, number, string]>([
    ["section headers beyond the end", 40, good.length, "ELF_TRUNCATED"],
    ["a section beyond the end", header(1, 32), 1 << 20, "ELF_TRUNCATED"],
    ["a section's name beyond the table", header(1, 0), 1 << 20, "ELF_SECTION"],
    ["a symbol table of odd size", header(5, 32), 100, "ELF_SECTION"],
    ["a symbol table without strings", header(5, 40), 99, "ELF_SECTION"],
    ["a strange size of section headers", 58, (7 << 16) | 40, "ELF_SECTION"],
  ])("%s", (_what, at, value, code) => {
    let found = "nothing";
    try {
      readElf(patch(at, value)).relocationsOf(3);
    } catch (error) {
      found = error instanceof ElfError ? error.code : String(error);
    }
    expect(found).toBe(code);
  });

  test("relocations that lead nowhere", () => {
    const file = readElf(good);
    const table = file.sections.find((section) => section.type === SHT_REL)!;
    for (const [field, value] of [
      [0, 999],
      [12, 999],
    ] as const) {
      const copy = good.slice();
      const at = table.data.byteOffset - good.byteOffset + field;
      new DataView(copy.buffer).setUint32(at, value, true);
      expect(() => readElf(copy).relocationsOf(3)).toThrow(ElfError);
    }
  });

  test("any byte changed: an ElfError, or a file", () => {
    for (let at = 0; at < good.length; at++) {
      for (const value of [0xff, good[at] ^ 1]) {
        const copy = good.slice();
        copy[at] = value;
        try {
          const file = readElf(copy);
          for (const { index } of file.sections) file.relocationsOf(index);
        } catch (error) {
          expect(error).toBeInstanceOf(ElfError);
        }
      }
    }
  });
});

test("sections of type PROGBITS are the default", () => {
  expect(
    readElf(writeElf({ machine: EM_BPF, sections: [{ name: "x", data: new Uint8Array(1) }], symbols: [] })).sections[1]
      .type,
  ).toBe(SHT_PROGBITS);
});
