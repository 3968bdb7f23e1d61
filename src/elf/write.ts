// Writes relocatable little-endian ELF-64 files: sections and symbols go in as objects that refer to each other; string
// table, symbol table (locals first, as the format demands) and REL sections are made here.

import { alignUp, setField, viewOf } from "../base/index.ts";
import {
  ELF64_EHDR,
  ELF64_REL,
  ELF64_SHDR,
  ELF64_SYM,
  ELFCLASS64,
  ELFDATA2LSB,
  ET_REL,
  EV_CURRENT,
  SHF_INFO_LINK,
  SHN_ABS,
  SHN_LORESERVE,
  SHN_UNDEF,
  SHT_NOBITS,
  SHT_PROGBITS,
  SHT_REL,
  SHT_STRTAB,
  SHT_SYMTAB,
  STB_LOCAL,
} from "./constants.ts";
import { ElfError } from "./errors.ts";

/** A relocation to write: the addend is what stands at `offset` of the section's data. */
export interface ElfRelInit {
  readonly offset: number;
  readonly type: number;
  readonly symbol: ElfSymbolInit;
}

/** A section to write. */
export interface ElfSectionInit {
  readonly name: string;
  /** SHT_*; PROGBITS unless said otherwise. */
  readonly type?: number;
  /** SHF_* bits. */
  readonly flags?: number;
  /** Contents; for SHT_NOBITS only `size` counts. */
  readonly data: Uint8Array;
  readonly size?: number;
  readonly addralign?: number;
  readonly entsize?: number;
  readonly relocations?: readonly ElfRelInit[];
}

/** A symbol to write. */
export interface ElfSymbolInit {
  readonly name: string;
  /** STT_*, STB_*, STV_*. */
  readonly type: number;
  readonly bind: number;
  readonly visibility?: number;
  /** Where it is defined; undefined for one that is not; `abs` for an absolute value. */
  readonly section: ElfSectionInit | "abs" | undefined;
  readonly value: number;
  readonly size: number;
}

/** A file to write. Section and symbol 0 are added. */
export interface ElfInit {
  readonly machine: number;
  readonly flags?: number;
  readonly sections: readonly ElfSectionInit[];
  readonly symbols: readonly ElfSymbolInit[];
}

/** A section as it will lie in the file. */
interface Placed {
  readonly name: string;
  readonly type: number;
  readonly flags: number;
  readonly data: Uint8Array;
  readonly size: number;
  readonly link: number;
  readonly info: number;
  readonly addralign: number;
  readonly entsize: number;
}

class Names {
  readonly #offsets = new Map<string, number>([["", 0]]);
  readonly #bytes: number[] = [0];

  add(name: string): number {
    let at = this.#offsets.get(name);
    if (at === undefined) {
      if (name.includes("\0"))
        throw new ElfError("ELF_SYMBOL", { message: "a name contains a NUL", found: JSON.stringify(name) });
      at = this.#bytes.length;
      this.#offsets.set(name, at);
      for (const byte of new TextEncoder().encode(name)) this.#bytes.push(byte);
      this.#bytes.push(0);
    }
    return at;
  }

  bytes(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }
}

function sectionIndex(symbol: ElfSymbolInit, indices: ReadonlyMap<ElfSectionInit, number>): number {
  if (symbol.section === undefined) return SHN_UNDEF;
  if (symbol.section === "abs") return SHN_ABS;
  const index = indices.get(symbol.section);
  if (index !== undefined) return index;
  throw new ElfError("ELF_SYMBOL", {
    message: "a symbol is in a section that is not written",
    found: symbol.section.name,
    where: `symbol ${symbol.name}`,
  });
}

function symbolTable(
  symbols: readonly ElfSymbolInit[],
  names: Names,
  indices: ReadonlyMap<ElfSectionInit, number>,
): Uint8Array {
  const bytes = new Uint8Array((symbols.length + 1) * ELF64_SYM.size);
  const view = viewOf(bytes);
  for (const [i, symbol] of symbols.entries()) {
    const set = (field: keyof typeof ELF64_SYM.fields, value: number): void =>
      setField(ELF64_SYM, view, (i + 1) * ELF64_SYM.size, field, value);
    set("st_name", names.add(symbol.name));
    set("st_info", (symbol.bind << 4) | symbol.type);
    set("st_other", symbol.visibility ?? 0);
    set("st_shndx", sectionIndex(symbol, indices));
    set("st_value", symbol.value);
    set("st_size", symbol.size);
  }
  return bytes;
}

function relocationTable(section: ElfSectionInit, numbers: ReadonlyMap<ElfSymbolInit, number>): Uint8Array {
  const relocations = section.relocations ?? [];
  const bytes = new Uint8Array(relocations.length * ELF64_REL.size);
  const view = viewOf(bytes);
  for (const [i, { offset, type, symbol }] of relocations.entries()) {
    const number = numbers.get(symbol);
    if (number === undefined || offset >= (section.size ?? section.data.length)) {
      throw new ElfError("ELF_RELOCATION", {
        message:
          number === undefined
            ? "a relocation names a symbol that is not written"
            : "a relocation lies outside its section",
        found: number === undefined ? symbol.name : `offset ${offset}`,
        where: `section ${section.name}`,
      });
    }
    setField(ELF64_REL, view, i * ELF64_REL.size, "r_offset", offset);
    setField(ELF64_REL, view, i * ELF64_REL.size, "r_type", type);
    setField(ELF64_REL, view, i * ELF64_REL.size, "r_sym", number);
  }
  return bytes;
}

function placeSections({ sections, symbols }: ElfInit, names: Names): { placed: Placed[]; strtab: number } {
  const ordered = [...symbols].sort((a, b) => Number(a.bind !== STB_LOCAL) - Number(b.bind !== STB_LOCAL));
  const indices = new Map(sections.map((section, i) => [section, i + 1]));
  const numbers = new Map(ordered.map((symbol, i) => [symbol, i + 1]));
  const placed: Placed[] = sections.map(
    ({ name, type = SHT_PROGBITS, flags = 0, data, size, addralign = 1, entsize = 0 }) => ({
      name,
      type,
      flags,
      data: type === SHT_NOBITS ? new Uint8Array(0) : data,
      size: type === SHT_NOBITS ? (size ?? data.length) : data.length,
      link: 0,
      info: 0,
      addralign,
      entsize,
    }),
  );
  const related = sections.filter((section) => (section.relocations?.length ?? 0) > 0);
  const symtab = placed.length + 1 + related.length;
  for (const section of related) {
    const data = relocationTable(section, numbers);
    placed.push({
      name: `.rel${section.name}`,
      type: SHT_REL,
      flags: SHF_INFO_LINK,
      data,
      size: data.length,
      link: symtab,
      info: indices.get(section)!,
      addralign: 8,
      entsize: ELF64_REL.size,
    });
  }
  const table = symbolTable(ordered, names, indices);
  placed.push({
    name: ".symtab",
    type: SHT_SYMTAB,
    flags: 0,
    data: table,
    size: table.length,
    link: symtab + 1,
    info: ordered.filter((symbol) => symbol.bind === STB_LOCAL).length + 1,
    addralign: 8,
    entsize: ELF64_SYM.size,
  });
  for (const { name } of placed) names.add(name);
  names.add(".strtab");
  const strings = names.bytes();
  placed.push({
    name: ".strtab",
    type: SHT_STRTAB,
    flags: 0,
    data: strings,
    size: strings.length,
    link: 0,
    info: 0,
    addralign: 1,
    entsize: 0,
  });
  return { placed, strtab: placed.length };
}

function writeHeader(view: DataView, init: ElfInit, shoff: number, count: number, strtab: number): void {
  for (const [i, byte] of [0x7f, 0x45, 0x4c, 0x46, ELFCLASS64, ELFDATA2LSB, EV_CURRENT].entries())
    view.setUint8(i, byte);
  const fields = {
    e_type: ET_REL,
    e_machine: init.machine,
    e_version: EV_CURRENT,
    e_shoff: shoff,
    e_flags: init.flags ?? 0,
    e_ehsize: ELF64_EHDR.size,
    e_shentsize: ELF64_SHDR.size,
    e_shnum: count,
    e_shstrndx: strtab,
  } as const;
  for (const [name, value] of Object.entries(fields)) setField(ELF64_EHDR, view, 0, name as keyof typeof fields, value);
}

/** The bytes of the file. The same input gives the same bytes. Throws ElfError when parts do not belong together. */
export function writeElf(init: ElfInit): Uint8Array<ArrayBuffer> {
  const names = new Names();
  const { placed, strtab } = placeSections(init, names);
  if (placed.length + 1 >= SHN_LORESERVE) {
    throw new ElfError("ELF_SECTION", {
      message: "there are too many sections",
      found: `${placed.length}`,
      expected: `below ${SHN_LORESERVE}`,
    });
  }
  let end: number = ELF64_EHDR.size;
  const offsets = placed.map(({ name, data, addralign }) => {
    if (addralign > 2 ** 20) {
      throw new ElfError("ELF_SECTION", {
        message: "the alignment is too large",
        found: `${addralign}`,
        where: `section ${name}`,
      });
    }
    const offset = alignUp(end, Math.max(1, addralign));
    end = offset + data.length;
    return offset;
  });
  const shoff = alignUp(end, 8);
  const bytes = new Uint8Array(shoff + (placed.length + 1) * ELF64_SHDR.size);
  const view = viewOf(bytes);
  writeHeader(view, init, shoff, placed.length + 1, strtab);
  for (const [i, section] of placed.entries()) {
    bytes.set(section.data, offsets[i]);
    const fields = {
      sh_name: names.add(section.name),
      sh_type: section.type,
      sh_flags: section.flags,
      sh_offset: offsets[i],
      sh_size: section.size,
      sh_link: section.link,
      sh_info: section.info,
      sh_addralign: section.addralign,
      sh_entsize: section.entsize,
    } as const;
    for (const [name, value] of Object.entries(fields)) {
      setField(ELF64_SHDR, view, shoff + (i + 1) * ELF64_SHDR.size, name as keyof typeof fields, value);
    }
  }
  return bytes;
}
