// .data, .rodata, .bss and .kconfig: each becomes an array map of one entry, named as libbpf names it.

import { SHT_NOBITS, type ElfFile } from "../../elf/index.ts";
import type { Btf, BtfDatasec } from "../btf/index.ts";
import { ObjectError } from "./errors.ts";
import { KCONFIG } from "./kconfig.ts";
import type { MapSpec } from "./types.ts";

const BPF_MAP_TYPE_ARRAY = 2;
const BPF_F_RDONLY_PROG = 1 << 7;
const BPF_F_MMAPABLE = 1 << 10;
/** Of the kernel's names of maps and programs, without the NUL. */
const LONGEST_NAME = 15;
/** More data is refused: .bss costs nothing in the file, but memory when opened. */
const LARGEST = 64 << 20;

type DataKind = "rodata" | "data" | "bss";

/** Which kind of data a section holds, by its name. */
export function dataKind(name: string): DataKind | undefined {
  const match = /^\.(rodata|data|bss)(\..*)?$/.exec(name);
  return match ? (match[1] as DataKind) : undefined;
}

/** The name of a data section's map: the object's name cut short, and the section's; custom sections keep theirs. */
function dataMapName(object: string, section: string): string {
  const room = section.includes(".", 1) ? 0 : LONGEST_NAME - Math.max(7, Math.min(section.length, LONGEST_NAME));
  return (object.slice(0, room) + section.slice(0, LONGEST_NAME)).replaceAll(/[^A-Za-z0-9_.]/g, "_");
}

const hasVisibleVariable = (btf: Btf, id: number | undefined): boolean =>
  id !== undefined &&
  (btf.type(id) as BtfDatasec).vars.some(({ type }) => {
    const variable = btf.type(type);
    return variable.kind === "VAR" && variable.linkage !== 0;
  });

function dataMap(section: string, initial: Uint8Array, kind: DataKind, object: string, btf: Btf): MapSpec {
  const id = btf.findByName(section, "DATASEC");
  return {
    name: dataMapName(object, section),
    kind,
    type: BPF_MAP_TYPE_ARRAY,
    key_size: 4,
    value_size: initial.length,
    max_entries: 1,
    map_flags: (kind === "rodata" ? BPF_F_RDONLY_PROG : 0) | (hasVisibleVariable(btf, id) ? BPF_F_MMAPABLE : 0),
    btf_key_type_id: 0,
    btf_value_type_id: id ?? 0,
    initial,
    frozen: kind === "rodata",
    section,
  };
}

// Externs of the kernel's configuration lie in no section of the file. They are constants like those of .rodata, once filled in.
function kconfigMaps(object: string, btf: Btf): MapSpec[] {
  const id = btf.findByName(KCONFIG, "DATASEC");
  if (id === undefined) return [];
  const { size } = btf.type(id) as BtfDatasec;
  return [{ ...dataMap(KCONFIG, new Uint8Array(size), "rodata", object, btf), frozen: false }];
}

/** The maps of all data sections that are not empty, in order of section, .kconfig last. Throws ObjectError. */
export function collectDataMaps(elf: ElfFile, object: string, btf: Btf): MapSpec[] {
  let total = 0;
  const maps = elf.sections.flatMap(({ name, type, size, data }) => {
    const kind = dataKind(name);
    if (kind === undefined || size === 0) return [];
    total += size;
    if (total <= LARGEST) {
      const initial = type === SHT_NOBITS ? new Uint8Array(size) : data.slice();
      return [dataMap(name, initial, kind, object, btf)];
    }
    throw new ObjectError("OBJECT_SECTION", {
      message: "the data sections are too large",
      found: `${total} bytes`,
      expected: `at most ${LARGEST} in all`,
      where: `section ${name}`,
    });
  });
  return [...maps, ...kconfigMaps(object, btf)];
}
