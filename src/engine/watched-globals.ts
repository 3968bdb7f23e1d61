// What of an object's data sections a trace looks at: every variable the program can write, its form taken from BTF, as plain
// data that crosses to the ring's thread.

import type { Btf } from "../bpf/btf/index.ts";
import type { GlobalSpec } from "../bpf/object/index.ts";

/** The form of a value. */
export type Form =
  | { readonly is: "integer"; readonly size: number; readonly signed: boolean }
  | { readonly is: "float"; readonly size: number }
  /** A bitfield: `width` bits from bit `shift` of the `size` bytes. */
  | {
      readonly is: "bits";
      readonly size: number;
      readonly shift: number;
      readonly width: number;
      readonly signed: boolean;
    }
  /** Shown as it lies there: arrays of bytes, unions, what BTF does not tell. */
  | { readonly is: "bytes"; readonly size: number; readonly indexed: boolean }
  | { readonly is: "array"; readonly size: number; readonly count: number; readonly of: Form }
  | { readonly is: "struct"; readonly size: number; readonly members: readonly Member[] };

/** A member of a struct, `offset` bytes from its start; "" for one without a name. */
export interface Member {
  readonly name: string;
  readonly offset: number;
  readonly form: Form;
}

/** A data section in memory. */
export interface WatchedSection {
  readonly address: number;
  readonly size: number;
  readonly variables: readonly Member[];
}

/** Types that nest deeper are shown as bytes. */
const DEEPEST = 16;

/** Where the section of a map lies in memory, by the map's index; undefined for one that does not. */
export type PlaceOf = (map: number) => { readonly address: number; readonly size: number } | undefined;

/** The sections that programs can write. */
export function watchedSections(globals: readonly GlobalSpec[], btf: Btf, placeOf: PlaceOf): WatchedSection[] {
  const variable = globals.filter(({ constant }) => !constant);
  return [...new Set(variable.map(({ map }) => map))].flatMap((map) => {
    const place = placeOf(map);
    if (place === undefined) return [];
    const variables = variable
      .filter((global) => global.map === map)
      .map(({ name, offset, size, type_id }) => ({ name, offset, form: formOf(btf, type_id, size, 0) }));
    return [{ ...place, variables }];
  });
}

function formOf(btf: Btf, id: number, size: number, depth: number): Form {
  const bytes: Form = { is: "bytes", size, indexed: false };
  if (depth > DEEPEST || size === 0) return bytes;
  const type = btf.resolved(id);
  switch (type.kind) {
    case "INT":
      return size <= 8 ? { is: "integer", size, signed: type.signed } : bytes;
    case "ENUM":
    case "ENUM64":
      return { is: "integer", size, signed: type.signed };
    case "PTR":
      return { is: "integer", size: 8, signed: false };
    case "FLOAT":
      return size === 4 || size === 8 ? { is: "float", size } : bytes;
    case "ARRAY": {
      const one = type.nelems === 0 ? 0 : size / type.nelems;
      const of = formOf(btf, type.type, one, depth + 1);
      return of.size === 1 ? { is: "bytes", size, indexed: true } : { is: "array", size, count: type.nelems, of };
    }
    case "STRUCT":
      return {
        is: "struct",
        size,
        members: type.members.map(({ name, type: member, bit_offset, bitfield_size }) => {
          const offset = bit_offset >>> 3;
          if (bitfield_size === 0) return { name, offset, form: formOf(btf, member, btf.sizeOf(member), depth + 1) };
          const integer = btf.resolved(member);
          const shift = bit_offset & 7;
          const signed = "signed" in integer && integer.signed;
          return {
            name,
            offset,
            form: { is: "bits", size: (shift + bitfield_size + 7) >>> 3, shift, width: bitfield_size, signed },
          };
        }),
      };
    default:
      return bytes;
  }
}
