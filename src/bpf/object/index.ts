export { BPF_MAP_TYPE_ARENA } from "./arena-data.ts";
export { ObjectError, type ObjectErrorCode } from "./errors.ts";
export { Globals } from "./globals.ts";
export type { KernelConfig } from "./kconfig.ts";
export { linkObjects } from "./link.ts";
export { loadBtf } from "./load-btf.ts";
export { minimizeBtf } from "./min-btf.ts";
export { BpfObject, type CoreReport, type OpenOptions, type ResolveOptions } from "./object.ts";
export { BPF_PROG_TYPE_STRUCT_OPS, PROG_TYPES } from "./program-types.ts";
export { generateSkeleton, type SkeletonOptions } from "./skeleton.ts";
export { KFUNC_POISON } from "./resolve.ts";
export type {
  ExternSpec,
  GlobalSpec,
  LineInfo,
  MapSpec,
  ProgramSpec,
  Relocation,
  ResolvedProgram,
  ResolvedStructOps,
  StructOpsSpec,
  Subprog,
} from "./types.ts";
