// What a verification yields, as plain data.

/** A rejected program's reason for people: the place in the source, what it means, how to mend it. */
export interface Diagnostic {
  /** `file:line`, or "" when the object has no line information. */
  readonly where: string;
  /** The source line, trimmed; "" without line information. */
  readonly source: string;
  /** The instruction, as the disassembler prints it; "" when no single one is at fault. */
  readonly insn: string;
  /** What the kernel's words mean. */
  readonly meaning: string;
  /** What to do. */
  readonly remedy: string;
}

/** The verdict on one program. */
export interface Verdict {
  readonly verdict: "accepted" | "rejected";
  /** Positive errno of a rejection, 0 when accepted. */
  readonly errno: number;
  /** The line that names the reason, in the kernel's words; "" when accepted. */
  readonly error: string;
  /** All lines printed for the instruction at fault. */
  readonly messages: readonly string[];
  /** Instructions walked. */
  readonly processed: number;
  /** `8+0 max 16`: bytes of stack of each function, and of the deepest call chain. */
  readonly stackDepth: string;
  /** Index of the instruction at fault; -1 when accepted or when no single one is. */
  readonly insn: number;
  /** Source line at fault; 0 when unknown. */
  readonly line: number;
  readonly log: string;
  readonly diagnostic: Diagnostic | undefined;
}
