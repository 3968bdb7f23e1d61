// The static linker, part one: the objects to link, and their sections laid one behind the other by name.

import { alignUp } from "../../base/index.ts";
import {
  EM_BPF,
  ET_REL,
  readElf,
  SHT_LLVM_ADDRSIG,
  SHT_NOBITS,
  SHT_NULL,
  SHT_REL,
  SHT_STRTAB,
  SHT_SYMTAB,
  type ElfFile,
  type ElfSection,
} from "../../elf/index.ts";
import { parseBtfExt, type Btf, type BtfExt } from "../btf/index.ts";
import { ObjectError } from "./errors.ts";
import { completeBtf } from "./object-btf.ts";

/** An object to link: its bytes, and a name for messages. */
export interface LinkSource {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** An object read for linking. */
export interface LinkInput {
  readonly name: string;
  readonly elf: ElfFile;
  readonly btf: Btf;
  readonly ext: BtfExt;
}

/** A section of the result, and the sections it is made of. */
export interface MergedSection {
  readonly name: string;
  readonly type: number;
  readonly flags: number;
  readonly entsize: number;
  addralign: number;
  size: number;
  readonly parts: { readonly input: LinkInput; readonly section: ElfSection; readonly offset: number }[];
}

/** Where a section of an input went. */
export interface Placement {
  readonly merged: MergedSection;
  readonly offset: number;
}

/** Every kept section of every input, by input and index. */
export type Placements = ReadonlyMap<LinkInput, ReadonlyMap<number, Placement>>;

export const conflict = (message: string, found: string, expected?: string, remedy?: string): ObjectError =>
  new ObjectError("OBJECT_LINK", { message, found, expected, remedy });

/** Reads an input. Throws ElfError, BtfError, ObjectError. */
export function readInput({ name, bytes }: LinkSource): LinkInput {
  const elf = readElf(bytes);
  if (elf.machine !== EM_BPF || elf.type !== ET_REL) {
    throw new ObjectError("OBJECT_MACHINE", {
      message: "this is not a relocatable object for BPF",
      found: `machine ${elf.machine}, type ${elf.type}`,
      expected: `machine ${EM_BPF}, type ${ET_REL}`,
    });
  }
  const btf = completeBtf(elf, false);
  const ext = elf.sections.find((section) => section.name === ".BTF.ext");
  return {
    name,
    elf,
    btf,
    ext: ext === undefined ? { funcs: new Map(), lines: new Map(), relos: new Map() } : parseBtfExt(ext.data, btf),
  };
}

const TABLES: ReadonlySet<number> = new Set([SHT_NULL, SHT_REL, SHT_STRTAB, SHT_SYMTAB, SHT_LLVM_ADDRSIG]);

/** BTF is merged by itself; debug sections would need their own relocations and are of no use to BPF. */
function isKept({ type, name, size }: ElfSection): boolean {
  return !TABLES.has(type) && size > 0 && name !== ".BTF" && name !== ".BTF.ext" && !name.startsWith(".debug_");
}

const ALIGNMENTS: ReadonlySet<number> = new Set([0, ...Array.from({ length: 17 }, (_, i) => 2 ** i)]);

const sameBytes = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, i) => byte === b[i]);

/** Sections that say one thing for the whole object: they must agree, and the first one stays. */
const SINGLE: ReadonlySet<string> = new Set(["license", "version"]);

function checkSame(merged: MergedSection, input: LinkInput, section: ElfSection): void {
  const first = merged.parts[0];
  if (merged.type !== section.type || merged.flags !== section.flags) {
    throw conflict(
      `section ${section.name} is of different kinds`,
      `type ${section.type}, flags ${section.flags} in ${input.name}`,
      `type ${merged.type}, flags ${merged.flags} as in ${first.input.name}`,
    );
  }
  if (SINGLE.has(section.name) && !sameBytes(section.data, first.section.data)) {
    const text = (bytes: Uint8Array): string =>
      JSON.stringify(new TextDecoder().decode(bytes.slice(0, 40)).replaceAll("\0", ""));
    throw conflict(
      `the objects differ in their ${section.name}`,
      `${text(section.data)} in ${input.name}`,
      `${text(first.section.data)} as in ${first.input.name}`,
    );
  }
}

/** Lays the sections of all inputs behind one another, by name, in order of appearance. Throws OBJECT_LINK. */
export function mergeSections(inputs: readonly LinkInput[]): { sections: MergedSection[]; placements: Placements } {
  const byName = new Map<string, MergedSection>();
  const placements = new Map<LinkInput, Map<number, Placement>>();
  for (const input of inputs) {
    const places = new Map<number, Placement>();
    placements.set(input, places);
    for (const section of input.elf.sections.filter(isKept)) {
      let merged = byName.get(section.name);
      if (merged === undefined) {
        const { name, type, flags, entsize } = section;
        merged = { name, type, flags, entsize, addralign: 1, size: 0, parts: [] };
        byName.set(name, merged);
      } else checkSame(merged, input, section);
      // of those that say one thing the first is enough
      if (SINGLE.has(section.name) && merged.parts.length > 0) continue;
      if (!ALIGNMENTS.has(section.addralign)) {
        throw conflict(
          `section ${section.name} has a strange alignment`,
          `${section.addralign} in ${input.name}`,
          "a power of two up to 65536",
        );
      }
      const offset = alignUp(merged.size, Math.max(1, section.addralign));
      places.set(section.index, { merged, offset });
      merged.addralign = Math.max(merged.addralign, section.addralign);
      merged.size = offset + section.size;
      merged.parts.push({ input, section, offset });
    }
  }
  return { sections: [...byName.values()], placements };
}

/** The bytes of a merged section, zero between its parts; none for SHT_NOBITS. */
export function mergedBytes({ type, size, parts }: MergedSection): Uint8Array<ArrayBuffer> {
  if (type === SHT_NOBITS) return new Uint8Array(0);
  const bytes = new Uint8Array(size);
  for (const { section, offset } of parts) bytes.set(section.data, offset);
  return bytes;
}
