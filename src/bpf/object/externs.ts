// What an object expects of the kernel: undefined symbols, described by BTF as functions or variables in .ksyms.

import { SHN_UNDEF, STB_LOCAL, STB_WEAK, type ElfFile } from "../../elf/index.ts";
import type { Btf, BtfType } from "../btf/index.ts";
import { BTF_EXTERN } from "../btf/index.ts";
import { ObjectError } from "./errors.ts";
import { KCONFIG } from "./kconfig.ts";
import type { ExternSpec } from "./types.ts";

/** Names of the entries of a DATASEC. */
function namesIn(btf: Btf, section: string): Set<string> {
  const names = new Set<string>();
  for (const id of btf.findAllByName(section, "DATASEC")) {
    for (const { type } of (btf.type(id) as BtfType & { kind: "DATASEC" }).vars) names.add(btf.nameOf(type));
  }
  return names;
}

function externType(btf: Btf, name: string): number | undefined {
  const isExtern = (id: number): boolean => {
    const type = btf.type(id);
    return (type.kind === "FUNC" || type.kind === "VAR") && type.linkage === BTF_EXTERN;
  };
  return btf.findAllByName(name, "FUNC").find(isExtern) ?? btf.findAllByName(name, "VAR").find(isExtern);
}

/** All externs, by name, but for those of .kconfig, which are globals. Throws OBJECT_EXTERN. */
export function collectExterns(elf: ElfFile, btf: Btf): ExternSpec[] {
  const wanted = elf.symbols.filter(
    (symbol) => symbol.shndx === SHN_UNDEF && symbol.bind !== STB_LOCAL && symbol.name !== "",
  );
  if (wanted.length === 0) return [];
  const kconfig = namesIn(btf, KCONFIG);
  const ksyms = namesIn(btf, ".ksyms");
  return wanted
    .filter((symbol) => !kconfig.has(symbol.name))
    .map((symbol): ExternSpec => {
      const type_id = externType(btf, symbol.name);
      if (type_id === undefined || !ksyms.has(symbol.name)) {
        throw new ObjectError("OBJECT_EXTERN", {
          message: "an undefined symbol is not declared as one of the kernel",
          found: symbol.name,
          expected: "extern ... __ksym or __kconfig",
          where: "ELF symbols",
          remedy: "Define it, link with the object that does, or declare it __ksym",
        });
      }
      const weak = symbol.bind === STB_WEAK;
      return { name: symbol.name, kind: btf.kind(type_id) === "FUNC" ? "func" : "var", weak, type_id };
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}
