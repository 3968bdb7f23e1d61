// The global variables of an object, as BTF describes them: VARs in the DATASECs of .data, .rodata and .bss.

import { formatType, type Btf, type BtfType } from "../btf/index.ts";
import { ObjectError } from "./errors.ts";
import type { GlobalSpec, MapSpec } from "./types.ts";

function globalsIn(map: MapSpec, index: number, btf: Btf): GlobalSpec[] {
  if (map.kind === "map" || map.btf_value_type_id === 0) return [];
  const section = btf.type(map.btf_value_type_id) as BtfType & { kind: "DATASEC" };
  return section.vars.flatMap(({ type: id, offset }) => {
    const variable = btf.type(id);
    if (variable.kind !== "VAR") return [];
    const size = btf.sizeOf(variable.type);
    if (offset + size > map.value_size) {
      throw new ObjectError("OBJECT_SECTION", {
        message: `variable ${variable.name} lies beyond its section`,
        found: `bytes ${offset} to ${offset + size}`,
        expected: `up to ${map.value_size}`,
        where: `section ${section.name}`,
      });
    }
    return [
      {
        name: variable.name,
        section: section.name,
        map: index,
        offset,
        size,
        type_id: variable.type,
        type: formatType(btf, variable.type),
        constant: map.kind === "rodata",
        local: variable.linkage === 0,
      },
    ];
  });
}

/** All globals, by map and offset. Throws ObjectError, BtfError. */
export function collectGlobals(maps: readonly MapSpec[], btf: Btf): GlobalSpec[] {
  return maps.flatMap((map, index) => globalsIn(map, index, btf));
}
