// Type ids inside types: visiting and replacing them, for all kinds in one place.

import type { BtfType } from "./types.ts";

/** `type` with every id in it replaced by `to(id)`. */
export function remapType(type: BtfType, to: (id: number) => number): BtfType {
  switch (type.kind) {
    case "VOID":
    case "INT":
    case "FLOAT":
    case "ENUM":
    case "ENUM64":
    case "FWD":
      return type;
    case "PTR":
    case "TYPEDEF":
    case "VOLATILE":
    case "CONST":
    case "RESTRICT":
    case "FUNC":
    case "VAR":
    case "DECL_TAG":
    case "TYPE_TAG":
      return { ...type, type: to(type.type) };
    case "ARRAY":
      return { ...type, type: to(type.type), index_type: to(type.index_type) };
    case "STRUCT":
    case "UNION":
      return { ...type, members: type.members.map((member) => ({ ...member, type: to(member.type) })) };
    case "FUNC_PROTO":
      return { ...type, type: to(type.type), params: type.params.map((param) => ({ ...param, type: to(param.type) })) };
    case "DATASEC":
      return { ...type, vars: type.vars.map((entry) => ({ ...entry, type: to(entry.type) })) };
  }
}

/** The ids in `type`, in order. */
export function referredIds(type: BtfType): number[] {
  const ids: number[] = [];
  remapType(type, (id) => {
    ids.push(id);
    return id;
  });
  return ids;
}
