// BTF types, decoded. Kinds and fields are named as in include/uapi/linux/btf.h; ids are those of the file, 0 is void.

/** A member of a struct or union. Offsets and sizes in bits; `bitfield_size` 0 means no bitfield. */
export interface BtfMember {
  readonly name: string;
  readonly type: number;
  readonly bit_offset: number;
  readonly bitfield_size: number;
}

/** A parameter of a function prototype; the last one is `{name: "", type: 0}` when variadic. */
export interface BtfParam {
  readonly name: string;
  readonly type: number;
}

/** An enumerator; `val` is signed or unsigned as the enum says. */
export interface BtfEnumerator {
  readonly name: string;
  readonly val: bigint;
}

/** A variable in a section; offset and size in bytes. */
export interface BtfVarSecinfo {
  readonly type: number;
  readonly offset: number;
  readonly size: number;
}

interface Named<Kind extends string> {
  readonly kind: Kind;
  readonly name: string;
}

/** `type` is the id of the type referred to. */
interface Referring<Kind extends string> extends Named<Kind> {
  readonly type: number;
}

export interface BtfInt extends Named<"INT"> {
  readonly size: number;
  readonly bits: number;
  readonly offset: number;
  readonly signed: boolean;
  readonly char: boolean;
  readonly bool: boolean;
}

export interface BtfComposite extends Named<"STRUCT" | "UNION"> {
  readonly size: number;
  readonly members: readonly BtfMember[];
}

export interface BtfEnum extends Named<"ENUM" | "ENUM64"> {
  readonly size: number;
  readonly signed: boolean;
  readonly values: readonly BtfEnumerator[];
}

export interface BtfArray extends Named<"ARRAY"> {
  readonly type: number;
  readonly index_type: number;
  readonly nelems: number;
}

export interface BtfFuncProto extends Referring<"FUNC_PROTO"> {
  readonly params: readonly BtfParam[];
}

/** linkage: 0 static, 1 global, 2 extern. */
export interface BtfFunc extends Referring<"FUNC"> {
  readonly linkage: number;
}

/** linkage: 0 static, 1 global, 2 extern. */
export interface BtfVar extends Referring<"VAR"> {
  readonly linkage: number;
}

export interface BtfDatasec extends Named<"DATASEC"> {
  readonly size: number;
  readonly vars: readonly BtfVarSecinfo[];
}

export interface BtfFwd extends Named<"FWD"> {
  readonly union: boolean;
}

/** component_idx: -1 for the type itself, else the member or parameter. */
export interface BtfDeclTag extends Referring<"DECL_TAG"> {
  readonly component_idx: number;
  /** A C attribute by its own name rather than btf_decl_tag (kind_flag); absent means no. */
  readonly attribute?: boolean;
}

export interface BtfTypeTag extends Referring<"TYPE_TAG"> {
  /** A C attribute by its own name rather than btf_type_tag (kind_flag). */
  readonly attribute: boolean;
}

export interface BtfFloat extends Named<"FLOAT"> {
  readonly size: number;
}

export type BtfType =
  | Named<"VOID">
  | BtfInt
  | Referring<"PTR" | "TYPEDEF" | "VOLATILE" | "CONST" | "RESTRICT">
  | BtfArray
  | BtfComposite
  | BtfEnum
  | BtfFwd
  | BtfFunc
  | BtfFuncProto
  | BtfVar
  | BtfDatasec
  | BtfFloat
  | BtfDeclTag
  | BtfTypeTag;

export type BtfKind = BtfType["kind"];
