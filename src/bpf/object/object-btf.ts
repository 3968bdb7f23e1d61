// The BTF of an object, completed from its symbol table: clang leaves the sizes of DATASECs and the offsets of global
// variables at zero, and knows nothing of visibility. What a linker has filled in already stays.

import { viewOf } from "../../base/index.ts";
import { Btf, BTF_GLOBAL, BTF_STATIC, type BtfKind, type BtfVarSecinfo } from "../btf/index.ts";
import {
  STB_LOCAL,
  STT_FUNC,
  STT_OBJECT,
  STV_HIDDEN,
  STV_INTERNAL,
  type ElfFile,
  type ElfSymbol,
} from "../../elf/index.ts";
import { ObjectError } from "./errors.ts";
import { KCONFIG, kconfigEntries } from "./kconfig.ts";

/** Hidden and internal symbols are not for others to see: their BTF says static. */
export const isHidden = (symbol: ElfSymbol): boolean =>
  symbol.visibility === STV_HIDDEN || symbol.visibility === STV_INTERNAL;

interface Entry {
  readonly type: number;
  offset: number;
  readonly size: number;
}

const HEAD = 12;
const ENTRY = 12;

/** Writes the entries of a DATASEC; `raw` are its bytes. */
function writeEntries(raw: DataView, entries: readonly BtfVarSecinfo[]): void {
  for (const [i, { type, offset, size }] of entries.entries()) {
    for (const [j, word] of [type, offset, size].entries()) raw.setUint32(HEAD + i * ENTRY + j * 4, word, true);
  }
}

/** Completes one DATASEC in place; `raw` are its bytes. */
function completeDatasec(
  btf: Btf,
  id: number,
  elf: ElfFile,
  globals: ReadonlyMap<string, ElfSymbol>,
  hide: boolean,
): void {
  const raw = viewOf(btf.rawType(id));
  const name = btf.nameOf(id);
  const section = elf.sections.find((candidate) => candidate.name === name);
  if (section === undefined || name === KCONFIG || name === ".ksyms") return;
  const unplaced = raw.getUint32(8, true) === 0;
  if (unplaced) raw.setUint32(8, section.size, true);
  const entries: Entry[] = [];
  for (let at = HEAD; at + ENTRY <= raw.byteLength; at += ENTRY) {
    const entry = {
      type: raw.getUint32(at, true),
      offset: raw.getUint32(at + 4, true),
      size: raw.getUint32(at + 8, true),
    };
    entries.push(entry);
    if (btf.kind(entry.type) !== "VAR") continue;
    const variable = viewOf(btf.rawType(entry.type));
    if (variable.getUint32(HEAD, true) !== 1) continue;
    const symbol = globals.get(btf.nameOf(entry.type));
    if (symbol === undefined || symbol.shndx !== section.index) continue;
    if (unplaced) entry.offset = symbol.value;
    if (hide && isHidden(symbol)) variable.setUint32(HEAD, BTF_STATIC, true);
  }
  entries.sort((a, b) => a.offset - b.offset);
  writeEntries(raw, entries);
}

/** Gives .kconfig its places, and makes its variables definitions, as the kernel's checks of BTF ask for. */
function placeKconfig(btf: Btf): void {
  const id = btf.findByName(KCONFIG, "DATASEC");
  if (id === undefined) return;
  const entries = kconfigEntries(btf, id);
  const raw = viewOf(btf.rawType(id));
  writeEntries(raw, entries);
  for (const { type } of entries) viewOf(btf.rawType(type)).setUint32(HEAD, BTF_GLOBAL, true);
  const last = entries.at(-1);
  raw.setUint32(8, last === undefined ? 0 : last.offset + last.size, true);
}

function hideFunctions(btf: Btf, functions: ReadonlyMap<string, ElfSymbol>): void {
  for (const id of btf.ofKind("FUNC")) {
    const symbol = functions.get(btf.nameOf(id));
    if (symbol === undefined || !isHidden(symbol)) continue;
    const raw = viewOf(btf.rawType(id));
    // vlen holds the linkage
    raw.setUint32(4, (raw.getUint32(4, true) & 0xff000000) >>> 0, true);
  }
}

const globalSymbols = (elf: ElfFile, types: readonly number[]): Map<string, ElfSymbol> =>
  new Map(
    elf.symbols
      .filter((symbol) => symbol.bind !== STB_LOCAL && symbol.shndx !== 0 && types.includes(symbol.type))
      .map((symbol) => [symbol.name, symbol]),
  );

/**
 * The completed BTF; `opened`: of an object that is to be loaded, not linked, so that hidden symbols become static and .kconfig
 * has its places. Throws BtfError, OBJECT_NO_BTF, OBJECT_KCONFIG.
 */
export function completeBtf(elf: ElfFile, opened = true): Btf {
  const section = elf.sections.find((candidate) => candidate.name === ".BTF");
  if (section === undefined) {
    throw new ObjectError("OBJECT_NO_BTF", {
      message: "the object has no BTF",
      expected: "a section .BTF",
      where: "ELF sections",
      remedy: "Compile with -g",
    });
  }
  // a copy: the file's bytes are the caller's
  const bytes = section.data.slice();
  const scratch = Btf.parse(bytes);
  const objects = globalSymbols(elf, [STT_OBJECT, 0]);
  for (const id of scratch.ofKind("DATASEC" satisfies BtfKind)) completeDatasec(scratch, id, elf, objects, opened);
  if (opened) {
    hideFunctions(scratch, globalSymbols(elf, [STT_FUNC]));
    placeKconfig(scratch);
  }
  return Btf.parse(bytes);
}
