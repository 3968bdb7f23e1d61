// Globals of an arena: section `.addr_space.1`, where clang puts variables of address space 1. As with libbpf 1.7 they lie in
// the last pages of the object's arena map, which is filled when the object is loaded.

import { alignUp } from "../../base/index.ts";
import { SHT_NOBITS, type ElfFile } from "../../elf/index.ts";
import { ObjectError } from "./errors.ts";
import type { MapSpec } from "./types.ts";

export const ARENA_SECTION = ".addr_space.1";
export const BPF_MAP_TYPE_ARENA = 33;
/** Bytes; that of all machines loops run on. */
export const ARENA_PAGE = 4096;

/** The maps, the arena among them with its globals. Throws OBJECT_SECTION, OBJECT_MAP. */
export function withArenaData(maps: readonly MapSpec[], elf: ElfFile): readonly MapSpec[] {
  const arenas = maps.filter(({ type }) => type === BPF_MAP_TYPE_ARENA);
  if (arenas.length > 1) {
    throw new ObjectError("OBJECT_MAP", {
      message: "an object has one arena at most",
      found: arenas.map(({ name }) => name).join(", "),
      where: `map ${arenas[1].name}`,
    });
  }
  const section = elf.sections.find(({ name, size }) => name === ARENA_SECTION && size > 0);
  if (section === undefined) return maps;
  const where = `section ${ARENA_SECTION}`;
  const [arena] = arenas;
  if (arena === undefined) {
    throw new ObjectError("OBJECT_SECTION", {
      message: "there are globals of an arena, but no arena",
      where,
      remedy: "Define a map of type BPF_MAP_TYPE_ARENA",
    });
  }
  const pages = alignUp(section.size, ARENA_PAGE) / ARENA_PAGE;
  if (pages > arena.max_entries) {
    throw new ObjectError("OBJECT_SECTION", {
      message: "the globals do not fit into the arena",
      found: `${section.size} bytes`,
      expected: `at most ${arena.max_entries} pages of ${ARENA_PAGE} bytes`,
      where,
      remedy: `Raise max_entries of the map ${arena.name}`,
    });
  }
  const data = {
    offset: (arena.max_entries - pages) * ARENA_PAGE,
    bytes: section.type === SHT_NOBITS ? new Uint8Array(section.size) : section.data.slice(),
  };
  return maps.map((map) => (map === arena ? { ...map, arena_data: data } : map));
}
