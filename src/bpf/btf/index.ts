export { Btf } from "./btf.ts";
export {
  BTF_EXTERN,
  BTF_GLOBAL,
  BTF_STATIC,
  BtfBuilder,
  type EnumeratorInit,
  type IntInit,
  type MemberInit,
} from "./builder.ts";
export { BtfError, type BtfErrorCode } from "./errors.ts";
export { essentialName } from "./strings.ts";
export type {
  BtfArray,
  BtfComposite,
  BtfDatasec,
  BtfDeclTag,
  BtfEnum,
  BtfEnumerator,
  BtfFloat,
  BtfFunc,
  BtfFuncProto,
  BtfFwd,
  BtfInt,
  BtfKind,
  BtfMember,
  BtfParam,
  BtfType,
  BtfTypeTag,
  BtfVar,
  BtfVarSecinfo,
} from "./types.ts";
