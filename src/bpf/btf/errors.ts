// The error class of everything that reads, writes or interprets BTF.

import { LoopstepError } from "../../base/index.ts";

/**
 * - `BTF_MAGIC`, `BTF_BIG_ENDIAN`, `BTF_VERSION`, `BTF_HEADER`: not BTF, or not of a form this reader knows
 * - `BTF_TRUNCATED`: a section, type or string runs beyond the end
 * - `BTF_KIND`, `BTF_ID`, `BTF_STRING`: a type of an unknown or unfit kind, a type id or name offset that is not there
 * - `BTF_LOOP`: a chain of types that never ends; `BTF_SIZE`: a type without a size, or with one above 4 GiB
 * - `BTF_VALUE`, `BTF_RANGE`: a value that does not fit a type by its form, or by its size
 * - `BTF_CORE`: a CO-RE relocation that makes no sense, or has candidates that contradict one another
 * - `BTF_EXT`: a malformed .BTF.ext section
 */
export type BtfErrorCode =
  | "BTF_MAGIC"
  | "BTF_BIG_ENDIAN"
  | "BTF_VERSION"
  | "BTF_HEADER"
  | "BTF_TRUNCATED"
  | "BTF_KIND"
  | "BTF_ID"
  | "BTF_STRING"
  | "BTF_LOOP"
  | "BTF_SIZE"
  | "BTF_VALUE"
  | "BTF_RANGE"
  | "BTF_CORE"
  | "BTF_EXT";

/** Thrown for malformed BTF and for values that do not fit a BTF type. */
export class BtfError extends LoopstepError<BtfErrorCode> {}
