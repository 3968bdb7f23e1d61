// The static linker: several BPF objects made one, as `bpftool gen object` does. Sections of one name are laid behind one
// another, names resolved, relocations moved, BTF merged. Left out: legacy maps, .addr_space, jump tables.

import { InputError, LoopstepError, viewOf } from "../../base/index.ts";
import {
  EM_BPF,
  SHF_EXECINSTR,
  STB_GLOBAL,
  STB_LOCAL,
  STB_WEAK,
  STT_NOTYPE,
  STT_SECTION,
  writeElf,
  type ElfRel,
  type ElfRelInit,
  type ElfSectionInit,
  type ElfSymbol,
  type ElfSymbolInit,
} from "../../elf/index.ts";
import { BPF_CALL, BPF_JMP, INSN_SIZE } from "../isa/index.ts";
import { mergeBtf } from "./link-btf.ts";
import {
  conflict,
  mergedBytes,
  mergeSections,
  readInput,
  type LinkInput,
  type LinkSource,
  type MergedSection,
  type Placements,
} from "./link-inputs.ts";
import { isKeptLocal, isWeak, resolveNames, type LinkedName } from "./link-symbols.ts";

const R_BPF_64_ABS64 = 2;
const R_BPF_64_ABS32 = 3;

/** A section of the result while it is being filled. */
interface OutSection extends ElfSectionInit {
  readonly data: Uint8Array<ArrayBuffer>;
  readonly relocations: ElfRelInit[];
}

/** All symbols of the result, and how those of the inputs map to them. */
class OutSymbols {
  readonly list: ElfSymbolInit[] = [];
  readonly #bySection = new Map<string, ElfSymbolInit>();
  readonly #locals = new Map<ElfSymbol, ElfSymbolInit>();
  readonly #globals = new Map<string, ElfSymbolInit>();

  section(section: OutSection): void {
    const symbol: ElfSymbolInit = { name: "", type: STT_SECTION, bind: STB_LOCAL, section, value: 0, size: 0 };
    this.#bySection.set(section.name, symbol);
    this.list.push(symbol);
  }

  local(symbol: ElfSymbol, section: OutSection, offset: number): void {
    const { name, type, bind, visibility, value, size } = symbol;
    const out = { name, type, bind, visibility, section, value: value + offset, size };
    this.#locals.set(symbol, out);
    this.list.push(out);
  }

  global(linked: LinkedName, section: ElfSectionInit | "abs" | undefined, offset: number): void {
    const { definition, references, visibility, name } = linked;
    const symbol = definition?.symbol;
    // an undefined name is weak only when all who refer to it agree
    const weak = symbol ? isWeak(symbol) : references.every((reference) => isWeak(reference.symbol));
    const out: ElfSymbolInit = {
      name,
      type: symbol?.type ?? STT_NOTYPE,
      bind: weak ? STB_WEAK : STB_GLOBAL,
      visibility,
      section,
      value: (symbol?.value ?? 0) + offset,
      size: symbol?.size ?? 0,
    };
    this.#globals.set(name, out);
    this.list.push(out);
  }

  of(symbol: ElfSymbol, sectionName: string | undefined): ElfSymbolInit | undefined {
    if (symbol.type === STT_SECTION) return sectionName === undefined ? undefined : this.#bySection.get(sectionName);
    return this.#locals.get(symbol) ?? this.#globals.get(symbol.name);
  }
}

/** Adds `by` to what a relocation against a section symbol finds at its place: the section has moved. */
function moveAddend(section: OutSection, at: number, type: number, by: number): void {
  if (by === 0) return;
  const view = viewOf(section.data);
  if (((section.flags ?? 0) & SHF_EXECINSTR) !== 0) {
    const isCall = view.getUint8(at) === (BPF_JMP | BPF_CALL);
    view.setInt32(at + 4, view.getInt32(at + 4, true) + (isCall ? by / INSN_SIZE : by), true);
  } else if (type === R_BPF_64_ABS64) {
    view.setBigUint64(at, BigInt.asUintN(64, view.getBigUint64(at, true) + BigInt(by)), true);
  } else if (type === R_BPF_64_ABS32) {
    view.setUint32(at, view.getUint32(at, true) + by, true);
  } else {
    throw conflict("a relocation against a section cannot be moved", `type ${type} in ${section.name}`);
  }
}

function addRelocations(
  input: LinkInput,
  placements: Placements,
  out: ReadonlyMap<string, OutSection>,
  symbols: OutSymbols,
): void {
  const places = placements.get(input)!;
  for (const [index, { merged, offset }] of places) {
    const section = out.get(merged.name)!;
    for (const rel of input.elf.relocationsOf(index)) {
      const target = places.get(rel.symbol.shndx);
      const symbol = symbols.of(rel.symbol, target?.merged.name);
      if (symbol === undefined) {
        throw conflict(
          "a relocation refers to a section that is not linked",
          `${merged.name} of ${input.name}, offset ${rel.offset}`,
        );
      }
      if (rel.offset + 8 > input.elf.sections[index].data.length) {
        throw conflict(
          "a relocation lies outside the contents of its section",
          `${merged.name} of ${input.name}, offset ${rel.offset}`,
        );
      }
      section.relocations.push({ offset: rel.offset + offset, type: rel.type, symbol });
      if (rel.symbol.type === STT_SECTION) moveAddend(section, rel.offset + offset, rel.type, target!.offset);
    }
  }
}

function outSection(merged: MergedSection): OutSection {
  const { name, type, flags, size, addralign, entsize } = merged;
  return { name, type, flags, data: mergedBytes(merged), size, addralign, entsize, relocations: [] };
}

function referredSymbols(input: LinkInput, placements: Placements): Set<ElfSymbol> {
  const rels: ElfRel[] = [...placements.get(input)!.keys()].flatMap((index) => [...input.elf.relocationsOf(index)]);
  return new Set(rels.map((rel) => rel.symbol));
}

/**
 * Links objects into one relocatable object, in the given order. Throws OBJECT_LINK when they contradict one another, and
 * InputError, with its name, when one is malformed.
 */
export function linkObjects(sources: readonly LinkSource[]): Uint8Array<ArrayBuffer> {
  if (sources.length === 0) throw conflict("there is nothing to link", "no objects", "at least one");
  const inputs = sources.map((source) => {
    try {
      return readInput(source);
    } catch (error) {
      throw error instanceof LoopstepError ? new InputError(source.name, error) : error;
    }
  });
  const { sections, placements } = mergeSections(inputs);
  const names = resolveNames(inputs, placements);
  const out = new Map(sections.map((merged) => [merged.name, outSection(merged)]));
  const symbols = new OutSymbols();
  for (const section of out.values()) symbols.section(section);
  for (const input of inputs) {
    const referred = referredSymbols(input, placements);
    for (const symbol of input.elf.symbols) {
      const place = placements.get(input)!.get(symbol.shndx);
      if (place && isKeptLocal(symbol, referred)) symbols.local(symbol, out.get(place.merged.name)!, place.offset);
    }
  }
  for (const linked of names.values()) {
    const { definition } = linked;
    const place = definition && placements.get(definition.input)!.get(definition.symbol.shndx);
    symbols.global(linked, place ? out.get(place.merged.name) : definition ? "abs" : undefined, place?.offset ?? 0);
  }
  for (const input of inputs) addRelocations(input, placements, out, symbols);
  const { btf, ext } = mergeBtf(inputs, names, sections, placements);
  return writeElf({
    machine: EM_BPF,
    flags: inputs[0].elf.flags,
    sections: [
      ...out.values(),
      { name: ".BTF", data: btf, addralign: 4 },
      { name: ".BTF.ext", data: ext, addralign: 4 },
    ],
    symbols: symbols.list,
  });
}
