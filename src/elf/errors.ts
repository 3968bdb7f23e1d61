// The error class of the ELF reader and writer.

import { LoopstepError } from "../base/index.ts";

/**
 * - `ELF_MAGIC`: not an ELF file; `ELF_CLASS`: 32 bits; `ELF_BIG_ENDIAN`; `ELF_VERSION`
 * - `ELF_TRUNCATED`: a header, table or section runs beyond the end of the file
 * - `ELF_SECTION`, `ELF_SYMBOL`, `ELF_RELOCATION`: a table that contradicts itself
 */
export type ElfErrorCode =
  | "ELF_MAGIC"
  | "ELF_CLASS"
  | "ELF_BIG_ENDIAN"
  | "ELF_VERSION"
  | "ELF_TRUNCATED"
  | "ELF_SECTION"
  | "ELF_SYMBOL"
  | "ELF_RELOCATION";

/** Thrown for malformed ELF files, and for contents that cannot be written as one. */
export class ElfError extends LoopstepError<ElfErrorCode> {}
