// BTF as text, one type after the other, in the form of `bpftool btf dump file X format raw`.

import type { Btf } from "./btf.ts";
import type { BtfEnum, BtfInt, BtfType } from "./types.ts";

const quoted = (name: string): string => `'${name || "(anon)"}'`;

const LINKAGE = ["static", "global", "extern"];
const linkageText = (linkage: number): string => LINKAGE[linkage] ?? "(unknown)";

function intEncoding({ signed, char, bool }: BtfInt): string {
  const set = [signed && "SIGNED", char && "CHAR", bool && "BOOL"].filter(Boolean);
  return set.length > 1 ? "UNKN" : (set[0] ?? "(none)").toString();
}

function enumText(type: BtfEnum): string {
  const suffix = type.kind === "ENUM64" ? (type.signed ? "LL" : "ULL") : "";
  const values = type.values.map(({ name, val }) => `\n\t${quoted(name)} val=${val}${suffix}`);
  return ` encoding=${type.signed ? "SIGNED" : "UNSIGNED"} size=${type.size} vlen=${type.values.length}${values.join("")}`;
}

function rest(btf: Btf, type: BtfType): string {
  switch (type.kind) {
    case "VOID":
      return "";
    case "INT":
      return ` size=${type.size} bits_offset=${type.offset} nr_bits=${type.bits} encoding=${intEncoding(type)}`;
    case "PTR":
    case "TYPEDEF":
    case "VOLATILE":
    case "CONST":
    case "RESTRICT":
    case "TYPE_TAG":
      return ` type_id=${type.type}`;
    case "ARRAY":
      return ` type_id=${type.type} index_type_id=${type.index_type} nr_elems=${type.nelems}`;
    case "STRUCT":
    case "UNION": {
      const members = type.members.map(({ name, type: id, bit_offset, bitfield_size }) => {
        const bits = bitfield_size > 0 ? ` bitfield_size=${bitfield_size}` : "";
        return `\n\t${quoted(name)} type_id=${id} bits_offset=${bit_offset}${bits}`;
      });
      return ` size=${type.size} vlen=${type.members.length}${members.join("")}`;
    }
    case "ENUM":
    case "ENUM64":
      return enumText(type);
    case "FWD":
      return ` fwd_kind=${type.union ? "union" : "struct"}`;
    case "FUNC":
      return ` type_id=${type.type} linkage=${linkageText(type.linkage)}`;
    case "FUNC_PROTO": {
      const params = type.params.map((param) => `\n\t${quoted(param.name)} type_id=${param.type}`);
      return ` ret_type_id=${type.type} vlen=${type.params.length}${params.join("")}`;
    }
    case "VAR":
      return ` type_id=${type.type}, linkage=${linkageText(type.linkage)}`;
    case "DATASEC": {
      const vars = type.vars.map(({ type: id, offset, size }) => {
        const what = id < btf.nrTypes ? ` (${btf.kind(id)} ${quoted(btf.nameOf(id))})` : "";
        return `\n\ttype_id=${id} offset=${offset} size=${size}${what}`;
      });
      return ` size=${type.size} vlen=${type.vars.length}${vars.join("")}`;
    }
    case "FLOAT":
      return ` size=${type.size}`;
    case "DECL_TAG":
      return ` type_id=${type.type} component_idx=${type.component_idx}`;
  }
}

/** The text of one type, without a newline at its end. Throws BTF_ID, BTF_STRING. */
function dumpRawType(btf: Btf, id: number): string {
  const type = btf.type(id);
  return `[${id}] ${type.kind} ${quoted(type.name)}${rest(btf, type)}`;
}

/** The own types of `btf` (not those of its base), one string each. */
export function* dumpRaw(btf: Btf): Generator<string> {
  for (let id = btf.firstId; id < btf.nrTypes; id++) yield dumpRawType(btf, id);
}
