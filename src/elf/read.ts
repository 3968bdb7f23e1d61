// Reads little-endian ELF-64 (the ELF-64 Object File Format, version 1.5): sections, symbols, REL relocations. Knows
// nothing of BPF. Program headers, RELA and more than 65,279 sections are left out: relocatable BPF objects have none.

import { cString, getField, viewOf, type Layout } from "../base/index.ts";
import {
  ELF64_EHDR,
  ELF64_REL,
  ELF64_SHDR,
  ELF64_SYM,
  ELFCLASS64,
  ELFDATA2LSB,
  ELFDATA2MSB,
  EV_CURRENT,
  SHN_LORESERVE,
  SHT_NOBITS,
  SHT_NULL,
  SHT_REL,
  SHT_SYMTAB,
} from "./constants.ts";
import { ElfError } from "./errors.ts";

/** A section. Sizes and offsets in bytes; fields without their `sh_` prefix otherwise as in the file. */
export interface ElfSection {
  readonly index: number;
  readonly name: string;
  /** SHT_*. */
  readonly type: number;
  /** SHF_* bits. */
  readonly flags: number;
  readonly size: number;
  readonly link: number;
  readonly info: number;
  readonly addralign: number;
  readonly entsize: number;
  /** The contents; empty for SHT_NOBITS, whatever `size` says. A view into the file. */
  readonly data: Uint8Array;
}

/** A symbol. */
export interface ElfSymbol {
  readonly index: number;
  readonly name: string;
  /** STT_*. */
  readonly type: number;
  /** STB_*. */
  readonly bind: number;
  /** STV_*. */
  readonly visibility: number;
  /** Index of its section, or SHN_*. */
  readonly shndx: number;
  /** Offset in its section. */
  readonly value: number;
  readonly size: number;
}

/** A relocation of Elf64_Rel form: the addend is what stands at `offset`. */
export interface ElfRel {
  readonly offset: number;
  readonly type: number;
  readonly symbol: ElfSymbol;
}

/** A parsed file. Section 0 is the null section, as in the file. */
export interface ElfFile {
  /** ET_*. */
  readonly type: number;
  /** EM_*. */
  readonly machine: number;
  readonly flags: number;
  readonly sections: readonly ElfSection[];
  readonly symbols: readonly ElfSymbol[];
  /** The relocations that apply to section `index`, in file order. Throws ElfError. */
  relocationsOf(index: number): readonly ElfRel[];
}

const truncated = (where: string, end: number | bigint, length: number): ElfError =>
  new ElfError("ELF_TRUNCATED", {
    message: "the file ends too early",
    found: `${length} bytes`,
    expected: `at least ${end}`,
    where,
    remedy: "The file was cut off or overwritten: make it anew",
  });

function checkIdent(bytes: Uint8Array): void {
  if (bytes.length < 4 || bytes[0] !== 0x7f || bytes[1] !== 0x45 || bytes[2] !== 0x4c || bytes[3] !== 0x46) {
    throw new ElfError("ELF_MAGIC", {
      message: "this is not an ELF file",
      found:
        bytes.length === 0
          ? "an empty file"
          : `0x${[...bytes.subarray(0, 4)].map((b) => b.toString(16).padStart(2, "0")).join("")}`,
      expected: "0x7f454c46",
      remedy: "Give an object compiled with clang -target bpf -O2 -g -c, or built by loopstep",
    });
  }
  if (bytes.length < ELF64_EHDR.size) throw truncated("ELF header", ELF64_EHDR.size, bytes.length);
  if (bytes[4] !== ELFCLASS64) {
    throw new ElfError("ELF_CLASS", {
      message: "this ELF file is not of 64 bits",
      found: `class ${bytes[4]}`,
      expected: `class ${ELFCLASS64}`,
      where: "ELF header",
    });
  }
  if (bytes[5] !== ELFDATA2LSB) {
    throw new ElfError("ELF_BIG_ENDIAN", {
      message:
        bytes[5] === ELFDATA2MSB ? "this ELF file is big-endian" : "the byte order of this ELF file is not known",
      found: `data encoding ${bytes[5]}`,
      expected: `little-endian (${ELFDATA2LSB})`,
      where: "ELF header",
      remedy: "Compile with -target bpfel",
    });
  }
  if (bytes[6] !== EV_CURRENT) {
    throw new ElfError("ELF_VERSION", {
      message: "this version of ELF is not known",
      found: `${bytes[6]}`,
      expected: `${EV_CURRENT}`,
      where: "ELF header",
    });
  }
}

/** Reads fields as numbers; 64-bit ones above 2^53 lose their low bits, which no check below misses. */
function reader<N extends string>(view: DataView, of: Layout<N>, base: number): (name: N) => number {
  return (name) => Number(getField(of, view, base, name));
}

function stringIn(table: ElfSection, offset: number, where: string): string {
  const text = cString(table.data, offset);
  if (text === undefined) {
    throw new ElfError("ELF_SECTION", {
      message: `a name lies outside the string table ${table.name}`.trimEnd(),
      found: `offset ${offset}`,
      expected: `below ${table.data.length}`,
      where,
    });
  }
  return text;
}

function readSections(bytes: Uint8Array, view: DataView): ElfSection[] {
  const header = reader(view, ELF64_EHDR, 0);
  const [shoff, shnum, entsize, shstrndx] = [
    header("e_shoff"),
    header("e_shnum"),
    header("e_shentsize"),
    header("e_shstrndx"),
  ];
  if (shnum === 0) return [];
  if (entsize !== ELF64_SHDR.size) {
    throw new ElfError("ELF_SECTION", {
      message: "section headers have an unknown size",
      found: `${entsize}`,
      expected: `${ELF64_SHDR.size}`,
      where: "ELF header",
    });
  }
  if (shoff + shnum * entsize > bytes.length)
    throw truncated("ELF section headers", shoff + shnum * entsize, bytes.length);
  const raw = Array.from({ length: shnum }, (_, index) => {
    const field = reader(view, ELF64_SHDR, shoff + index * entsize);
    const [type, offset, size] = [field("sh_type"), field("sh_offset"), field("sh_size")];
    const stored = type !== SHT_NOBITS && type !== SHT_NULL;
    if (stored && offset + size > bytes.length) throw truncated(`ELF section ${index}`, offset + size, bytes.length);
    return {
      index,
      nameOffset: field("sh_name"),
      type,
      flags: field("sh_flags"),
      size: type === SHT_NULL ? 0 : size,
      link: field("sh_link"),
      info: field("sh_info"),
      addralign: field("sh_addralign"),
      entsize: field("sh_entsize"),
      data: stored ? bytes.subarray(offset, offset + size) : new Uint8Array(0),
    };
  });
  const names = raw[shstrndx];
  if (names === undefined) {
    throw new ElfError("ELF_SECTION", {
      message: "the section of section names is not there",
      found: `index ${shstrndx}`,
      expected: `below ${shnum}`,
      where: "ELF header",
    });
  }
  return raw.map(({ nameOffset, ...section }) => ({
    ...section,
    name: section.type === SHT_NULL ? "" : stringIn({ ...names, name: "" }, nameOffset, `ELF section ${section.index}`),
  }));
}

function tableView(section: ElfSection, of: Layout, where: string): { view: DataView; count: number } {
  if (section.data.length % of.size !== 0) {
    throw new ElfError("ELF_SECTION", {
      message: `${section.name || "a table"} is not a whole number of entries`,
      found: `${section.data.length} bytes`,
      expected: `a multiple of ${of.size}`,
      where,
    });
  }
  return { view: viewOf(section.data), count: section.data.length / of.size };
}

function readSymbols(sections: readonly ElfSection[]): ElfSymbol[] {
  const table = sections.find((section) => section.type === SHT_SYMTAB);
  if (table === undefined) return [];
  const { view, count } = tableView(table, ELF64_SYM, `ELF section ${table.index}`);
  const names = sections[table.link];
  if (names === undefined) {
    throw new ElfError("ELF_SECTION", {
      message: "the symbol table has no string table",
      found: `link ${table.link}`,
      where: table.name,
    });
  }
  return Array.from({ length: count }, (_, index) => {
    const field = reader(view, ELF64_SYM, index * ELF64_SYM.size);
    const [info, shndx] = [field("st_info"), field("st_shndx")];
    if (shndx >= sections.length && shndx < SHN_LORESERVE) {
      throw new ElfError("ELF_SYMBOL", {
        message: "a symbol is in a section that is not there",
        found: `section ${shndx}`,
        expected: `below ${sections.length}`,
        where: `ELF symbol ${index}`,
      });
    }
    return {
      index,
      name: stringIn(names, field("st_name"), `ELF symbol ${index}`),
      type: info & 15,
      bind: info >> 4,
      visibility: field("st_other") & 3,
      shndx,
      value: field("st_value"),
      size: field("st_size"),
    };
  });
}

function readRelocations(table: ElfSection, target: ElfSection, symbols: readonly ElfSymbol[]): ElfRel[] {
  const { view, count } = tableView(table, ELF64_REL, `ELF section ${table.index}`);
  return Array.from({ length: count }, (_, index) => {
    const field = reader(view, ELF64_REL, index * ELF64_REL.size);
    const [offset, symbol] = [field("r_offset"), symbols[field("r_sym")]];
    const where = `${table.name} #${index}`;
    if (symbol === undefined) {
      throw new ElfError("ELF_RELOCATION", {
        message: "a relocation names a symbol that is not there",
        found: `symbol ${field("r_sym")}`,
        expected: `below ${symbols.length}`,
        where,
      });
    }
    if (offset >= target.size) {
      throw new ElfError("ELF_RELOCATION", {
        message: "a relocation lies outside its section",
        found: `offset ${offset}`,
        expected: `below ${target.size}`,
        where,
      });
    }
    return { offset, type: field("r_type"), symbol };
  });
}

/** Parses a file. Throws ElfError. */
export function readElf(bytes: Uint8Array): ElfFile {
  checkIdent(bytes);
  const view = viewOf(bytes);
  const header = reader(view, ELF64_EHDR, 0);
  const sections = readSections(bytes, view);
  const symbols = readSymbols(sections);
  return {
    type: header("e_type"),
    machine: header("e_machine"),
    flags: header("e_flags"),
    sections,
    symbols,
    relocationsOf(index) {
      const target = sections[index];
      return sections
        .filter((section) => section.type === SHT_REL && section.info === index)
        .flatMap((table) => readRelocations(table, target, symbols));
    },
  };
}
