// The 19 kinds of include/uapi/linux/btf.h (v7.2) as one table: number, name, and how many bytes follow the 12 bytes that
// every type starts with.
//
//    struct btf_type:  name_off | info | size or type        info: 31 kind_flag, 24..30 kind, 0..23 vlen
//
// Before v7.2 kind had 5 bits and vlen 16; the bits between were zero, so this reading suits both.

import type { BtfKind } from "./types.ts";

interface KindRow {
  readonly name: BtfKind;
  /** Bytes after the common part, whatever vlen is. */
  readonly fixed: number;
  /** Bytes for each of vlen elements. */
  readonly element: number;
  /** `struct btf_type`'s third word is a size rather than a type. */
  readonly sized: boolean;
}

const row = (name: BtfKind, fixed: number, element: number, sized = false): KindRow => ({
  name,
  fixed,
  element,
  sized,
});

/** Indexed by kind number; 0 is void and is never stored. */
export const KINDS: readonly KindRow[] = [
  row("VOID", 0, 0),
  row("INT", 4, 0, true),
  row("PTR", 0, 0),
  row("ARRAY", 12, 0),
  row("STRUCT", 0, 12, true),
  row("UNION", 0, 12, true),
  row("ENUM", 0, 8, true),
  row("FWD", 0, 0),
  row("TYPEDEF", 0, 0),
  row("VOLATILE", 0, 0),
  row("CONST", 0, 0),
  row("RESTRICT", 0, 0),
  row("FUNC", 0, 0),
  row("FUNC_PROTO", 0, 8),
  row("VAR", 4, 0),
  row("DATASEC", 0, 12, true),
  row("FLOAT", 0, 0, true),
  row("DECL_TAG", 4, 0),
  row("TYPE_TAG", 0, 0),
  row("ENUM64", 0, 12, true),
];

/** Kind number by name. */
export const KIND_NUMBER: Readonly<Record<BtfKind, number>> = Object.fromEntries(
  KINDS.map(({ name }, number) => [name, number]),
) as Record<BtfKind, number>;

/** Bytes of the part every type has. */
export const BTF_TYPE_SIZE = 12;
export const BTF_MAGIC = 0xeb9f;
export const BTF_VERSION = 1;
/** Bytes of `struct btf_header` up to v7.0; v7.1 appends the place of a layout section, which is not needed to read. */
export const BTF_HEADER_SIZE = 24;

/** Encoding bits of an INT. */
export const BTF_INT_SIGNED = 1;
export const BTF_INT_CHAR = 2;
export const BTF_INT_BOOL = 4;

export const kindOf = (info: number): number => (info >>> 24) & 0x7f;
export const vlenOf = (info: number): number => info & 0xffffff;
export const kindFlagOf = (info: number): boolean => info >>> 31 === 1;
