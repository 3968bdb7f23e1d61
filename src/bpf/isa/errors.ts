// What can be wrong with an instruction, a program's bytes or a line of assembly.

import { LoopstepError, type ErrorFacts } from "../../base/index.ts";

/** `ISA_BYTES`: not whole instructions; `ISA_ENCODING`: an illegal instruction; `ISA_ASM`: a line that does not parse. */
export type IsaErrorCode = "ISA_BYTES" | "ISA_ENCODING" | "ISA_ASM";

/** An error in the instructions themselves. */
export class IsaError extends LoopstepError<IsaErrorCode> {
  /** Index of the offending slot, or of the line (from 1) for ISA_ASM. */
  readonly insn: number;

  constructor(code: IsaErrorCode, insn: number, facts: ErrorFacts) {
    super(code, facts);
    this.insn = insn;
  }
}
