export { Btf } from "./btf.ts";
export { Alignments } from "./c-layout.ts";
export {
  BTF_EXTERN,
  BTF_GLOBAL,
  BTF_STATIC,
  BtfBuilder,
  type EnumeratorInit,
  type IntInit,
  type MemberInit,
} from "./builder.ts";
export { typesCompatible } from "./core-compat.ts";
export { type CoreSpec } from "./core-spec.ts";
export { concatTypes, dedup, type Deduplicated } from "./dedup.ts";
export { dumpC, type DumpCOptions } from "./dump-c.ts";
export { dumpJson } from "./dump-json.ts";
export { dumpRaw } from "./dump-raw.ts";
export { dumpTs, propertyName, TsTypes, type DumpTsOptions } from "./dump-ts.ts";
export { BtfError, type BtfErrorCode } from "./errors.ts";
export { emitBtfWithExt } from "./ext-emit.ts";
export { parseBtfExt, type BtfExt, type CoreRelo, type FuncInfoRecord, type LineInfoRecord } from "./ext-info.ts";
export { formatType } from "./format.ts";
export { GrowingBtf, type TypeSource } from "./growing.ts";
export { loadProblem, replacedTypes } from "./load-check.ts";
export { remapType } from "./remap.ts";
export { CORE_POISON, matchCoreRelo, patchCore, resolveCoreRelo, type CoreResult } from "./relo-core.ts";
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
export { readValue, writeValue, type BtfValue, type BtfWritable } from "./value.ts";
