// Relocations of code: what an instruction's symbol means. Types are those of Documentation/bpf/llvm_reloc.rst; as in
// libbpf, the instruction and the symbol decide, not the relocation type.

import { SHN_LORESERVE, SHN_UNDEF, type ElfFile, type ElfRel, type ElfSection } from "../../elf/index.ts";
import { BPF_CALL, BPF_JMP, BPF_PSEUDO_CALL, decode, INSN_SIZE, isLdImm64, type Insn } from "../isa/index.ts";
import { ARENA_SECTION } from "./arena-data.ts";
import { dataKind } from "./data-sections.ts";
import { ObjectError } from "./errors.ts";
import { TEXT } from "./functions.ts";
import { KCONFIG } from "./kconfig.ts";
import { MAPS } from "./map-defs.ts";
import type { ExternSpec, GlobalSpec, MapSpec, Relocation } from "./types.ts";

/** What relocations may refer to. */
export interface Referents {
  readonly elf: ElfFile;
  readonly maps: readonly MapSpec[];
  readonly externs: ReadonlyMap<string, ExternSpec>;
  readonly globals: readonly GlobalSpec[];
}

type Meaning = Pick<Relocation, "kind" | "target" | "offset" | "map">;

const isCall = (insn: Insn): boolean => insn.code === (BPF_JMP | BPF_CALL);

/** Name for messages: section symbols have none of their own. */
function nameOf({ symbol }: ElfRel, elf: ElfFile): string {
  return symbol.name || elf.sections[symbol.shndx]?.name || `symbol ${symbol.index}`;
}

function externMeaning(rel: ElfRel, insn: Insn, { externs, globals, maps }: Referents): Meaning | string {
  const { name } = rel.symbol;
  const extern = externs.get(name);
  if (extern === undefined) {
    const option = globals.find((global) => global.section === KCONFIG && global.name === name);
    if (option === undefined) return "the symbol is undefined";
    if (isCall(insn)) return "a variable is called";
    return { kind: "data", target: maps[option.map].name, offset: option.offset, map: option.map };
  }
  if (!isCall(insn)) return { kind: "ksym", target: extern.name, offset: 0 };
  return extern.kind === "func" ? { kind: "kfunc", target: extern.name, offset: 0 } : "a variable is called";
}

/** Of a function in .text: a call counts slots from the next one, an address bytes. */
function functionMeaning({ symbol }: ElfRel, insn: Insn): Meaning | string {
  const offset = isCall(insn) ? symbol.value + (insn.imm + 1) * INSN_SIZE : symbol.value + insn.imm;
  if (offset % INSN_SIZE !== 0 || offset < 0) return "the reference does not point to an instruction";
  return { kind: isCall(insn) ? "call" : "func", target: TEXT, offset };
}

function dataMeaning({ symbol }: ElfRel, insn: Insn, section: ElfSection, { maps }: Referents): Meaning | string {
  if (section.name === MAPS) {
    const map = maps.findIndex((candidate) => candidate.kind === "map" && candidate.section_offset === symbol.value);
    return map < 0 ? "no map is defined there" : { kind: "map", target: maps[map].name, offset: 0, map };
  }
  if (section.name === ARENA_SECTION) {
    const arena = maps.findIndex(({ arena_data }) => arena_data !== undefined);
    if (arena < 0) return "the section is empty";
    const { name, arena_data } = maps[arena];
    return { kind: "data", target: name, offset: arena_data!.offset + symbol.value + insn.imm, map: arena };
  }
  if (dataKind(section.name) === undefined) return "the section holds neither maps nor data nor subprograms";
  const map = maps.findIndex((candidate) => candidate.section === section.name && candidate.kind !== "map");
  return map < 0
    ? "the section is empty"
    : { kind: "data", target: maps[map].name, offset: symbol.value + insn.imm, map };
}

/** What `rel` means for `insn`, or why it means nothing. */
function meaningOf(rel: ElfRel, insn: Insn, referents: Referents): Meaning | string {
  const { symbol } = rel;
  if (!isCall(insn) && !isLdImm64(insn)) return "the instruction takes no symbol";
  if (symbol.shndx === SHN_UNDEF) return externMeaning(rel, insn, referents);
  if (symbol.shndx >= SHN_LORESERVE) return "the symbol has no section: a global variable without a definition";
  const section = referents.elf.sections[symbol.shndx];
  if (isCall(insn)) {
    if (insn.src_reg !== BPF_PSEUDO_CALL) return "the call is not one of a BPF function";
    return section.name === TEXT
      ? functionMeaning(rel, insn)
      : `functions of ${section.name} cannot be called, only those of ${TEXT}`;
  }
  return section.name === TEXT ? functionMeaning(rel, insn) : dataMeaning(rel, insn, section, referents);
}

/** The relocations of one code section, by place. Throws ObjectError, ElfError. */
export function collectRelocations(section: ElfSection, referents: Referents): Relocation[] {
  const insns = decode(section.data);
  return referents.elf
    .relocationsOf(section.index)
    .map((rel) => {
      const symbol = nameOf(rel, referents.elf);
      const index = rel.offset / INSN_SIZE;
      const insn = insns[index];
      const meaning = insn === undefined ? "it does not point to an instruction" : meaningOf(rel, insn, referents);
      if (typeof meaning === "string") {
        throw new ObjectError("OBJECT_RELOCATION", {
          message: `the reference to ${symbol} cannot be followed: ${meaning}`,
          where: `section ${section.name}, insn ${index}`,
        });
      }
      return { ...meaning, section: section.name, insn: index, symbol };
    })
    .sort((a, b) => a.insn - b.insn);
}
