// The error class of opening objects and of resolving their programs.

import { LoopstepError } from "../../base/index.ts";

/**
 * - `OBJECT_MACHINE`, `OBJECT_TYPE`: an ELF file, but not a relocatable one for BPF
 * - `OBJECT_NO_BTF`: compiled without -g
 * - `OBJECT_SECTION`, `OBJECT_PROGRAM`, `OBJECT_MAP`, `OBJECT_STRUCT_OPS`: a malformed or unsupported definition
 * - `OBJECT_RELOCATION`: a reference that cannot be followed
 * - `OBJECT_EXTERN`: an undefined symbol that is neither kfunc, ksym nor kconfig
 * - `OBJECT_KCONFIG`: an extern of the kernel's configuration of another type, or whose value is not known
 * - `OBJECT_KFUNC`, `OBJECT_KSYM`: the target lacks it, or has it with other types
 * - `OBJECT_NO_STRUCT_OPS`, `OBJECT_STRUCT_OPS_CHOICE`: none to attach, or several and none named
 * - `OBJECT_NAME`: there is no program, struct_ops or global of that name
 * - `OBJECT_VALUE`: a value that a global cannot take
 * - `OBJECT_LINK`: objects that contradict one another
 */
export type ObjectErrorCode =
  | "OBJECT_MACHINE"
  | "OBJECT_TYPE"
  | "OBJECT_NO_BTF"
  | "OBJECT_SECTION"
  | "OBJECT_PROGRAM"
  | "OBJECT_MAP"
  | "OBJECT_STRUCT_OPS"
  | "OBJECT_RELOCATION"
  | "OBJECT_EXTERN"
  | "OBJECT_KCONFIG"
  | "OBJECT_KFUNC"
  | "OBJECT_KSYM"
  | "OBJECT_NO_STRUCT_OPS"
  | "OBJECT_STRUCT_OPS_CHOICE"
  | "OBJECT_NAME"
  | "OBJECT_VALUE"
  | "OBJECT_LINK";

/** Thrown for objects that cannot be opened, resolved or linked. */
export class ObjectError extends LoopstepError<ObjectErrorCode> {}
