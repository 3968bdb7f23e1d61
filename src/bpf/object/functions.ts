// The functions of an object: entry programs in sections named after their type, subprograms in .text.

import { SHF_EXECINSTR, SHT_PROGBITS, STB_LOCAL, STT_FUNC, type ElfFile, type ElfSection } from "../../elf/index.ts";
import type { Btf, BtfExt } from "../btf/index.ts";
import { decode, INSN_SIZE, type Insn } from "../isa/index.ts";
import { ObjectError } from "./errors.ts";
import { isHidden } from "./object-btf.ts";
import { sectionKind } from "./program-types.ts";
import type { ProgramSpec } from "./types.ts";

/** One function as it lies in its section. */
export interface ObjectFunction {
  readonly name: string;
  readonly section: ElfSection;
  /** Slot of the section at which it starts. */
  readonly start: number;
  readonly insns: readonly Insn[];
  /** Checked on its own by the verifier: global linkage, and visible. */
  readonly global: boolean;
  /** BTF FUNC id; 0 when unknown. */
  readonly type_id: number;
}

export const TEXT = ".text";

/** Sections that hold code. */
export function codeSections(elf: ElfFile): ElfSection[] {
  return elf.sections.filter(
    (section) => section.type === SHT_PROGBITS && (section.flags & SHF_EXECINSTR) !== 0 && section.size > 0,
  );
}

function functionsOf(section: ElfSection, elf: ElfFile, btf: Btf, ext: BtfExt): ObjectFunction[] {
  const bad = (message: string, found: string, expected: string): ObjectError =>
    new ObjectError("OBJECT_PROGRAM", { message, found, expected, where: `section ${section.name}` });
  if (section.size % INSN_SIZE !== 0) {
    throw bad("the code ends inside an instruction", `${section.size} bytes`, `a multiple of ${INSN_SIZE}`);
  }
  const types = new Map(ext.funcs.get(section.name)?.map((record) => [record.insn_off, record.type_id]));
  return elf.symbols
    .filter((symbol) => symbol.type === STT_FUNC && symbol.shndx === section.index)
    .map((symbol) => {
      const end = symbol.value + symbol.size;
      if (symbol.value % INSN_SIZE !== 0 || symbol.size % INSN_SIZE !== 0 || symbol.size === 0 || end > section.size) {
        throw bad(
          `function ${symbol.name} does not lie within its section`,
          `bytes ${symbol.value} to ${end}`,
          `up to ${section.size}`,
        );
      }
      if (symbol.bind === STB_LOCAL && section.name !== TEXT) {
        throw bad(`program ${symbol.name} is static`, "a local symbol", "a global one");
      }
      const type_id = types.get(symbol.value) ?? btf.findByName(symbol.name, "FUNC") ?? 0;
      return {
        name: symbol.name,
        section,
        start: symbol.value / INSN_SIZE,
        insns: decode(section.data.slice(symbol.value, end)),
        global: symbol.bind !== STB_LOCAL && !isHidden(symbol),
        type_id,
      };
    });
}

/** All functions by order of section and of place in it. Throws ObjectError. */
export function collectFunctions(elf: ElfFile, btf: Btf, ext: BtfExt): ObjectFunction[] {
  return codeSections(elf).flatMap((section) => functionsOf(section, elf, btf, ext).sort((a, b) => a.start - b.start));
}

/** The public description of an entry program. */
export function programSpec({ name, section, insns, type_id }: ObjectFunction): ProgramSpec {
  return {
    name,
    section: section.name.replace(/^\?/, ""),
    ...sectionKind(section.name),
    autoload: !section.name.startsWith("?"),
    insn_cnt: insns.length,
    type_id,
  };
}
