// Why a program was stopped, and why one could not be prepared: the errors of the VM.

import { LoopstepError, type ErrorFacts } from "../../base/index.ts";
import { disasmInsn, nameImm, type Insn } from "../isa/index.ts";
import type { LineInfo } from "../object/index.ts";
import type { FaultFacts, FaultKind, VmImage } from "./types.ts";

/** `VM_FAULT_*`: a fault while running; the others: a program or memory that cannot be set up. */
export type VmErrorCode =
  | "VM_FAULT_MEMORY"
  | "VM_FAULT_CODE"
  | "VM_FAULT_CALL_DEPTH"
  | "VM_FAULT_HELPER"
  | "VM_FAULT_STEPS"
  | "VM_FAULT_ABORTED"
  | "VM_MEMORY"
  | "VM_MAP"
  | "VM_UNSUPPORTED"
  | "VM_CLOSED"
  | "VM_IMAGE";

const CODES: Readonly<Record<FaultKind, VmErrorCode>> = {
  memory: "VM_FAULT_MEMORY",
  code: "VM_FAULT_CODE",
  "call-depth": "VM_FAULT_CALL_DEPTH",
  helper: "VM_FAULT_HELPER",
  steps: "VM_FAULT_STEPS",
  aborted: "VM_FAULT_ABORTED",
};

/** Memory, maps or a program that cannot be set up. */
export class VmError extends LoopstepError<VmErrorCode> {}

/** The source line that covers slot `insn`, or undefined. */
export function lineAt(lines: readonly LineInfo[], insn: number): LineInfo | undefined {
  let found: LineInfo | undefined;
  for (const line of lines) if (line.insn <= insn && (found === undefined || line.insn >= found.insn)) found = line;
  return found;
}

function hex(value: bigint): string {
  return `0x${value.toString(16)}`;
}

function messageOf(facts: FaultFacts): string {
  switch (facts.kind) {
    case "memory": {
      const size = facts.size === undefined ? "" : ` of ${facts.size} byte${facts.size === 1 ? "" : "s"}`;
      const place = facts.address === undefined ? "" : ` at ${hex(facts.address)}`;
      const detail = facts.detail === undefined ? "" : `: ${facts.detail}`;
      return `invalid ${facts.write === true ? "write" : "read"}${size}${place}${detail}`;
    }
    case "code":
      return facts.detail ?? "illegal instruction";
    case "call-depth":
      return facts.detail ?? "too many nested calls";
    case "helper":
      return facts.detail ?? "a call failed";
    case "steps":
      return facts.detail ?? "the instruction budget is used up";
    case "aborted":
      return facts.detail ?? "the program was ended from outside";
  }
}

/** A running program was stopped. `facts` is the plain data of it; `insn` the slot. */
export class VmFault extends LoopstepError<VmErrorCode> {
  readonly facts: FaultFacts;
  /** `(61) r1 = *(u32 *)(r6 +8)` */
  readonly instruction: string;
  /** Source line, when the object has line info. */
  readonly line: LineInfo | undefined;

  constructor(facts: FaultFacts, image: Pick<VmImage, "name" | "insns" | "lines">) {
    const line = lineAt(image.lines, facts.insn);
    const instruction = describeInsn(image.insns, facts.insn);
    const source =
      line === undefined ? "" : `, ${line.file}:${line.line}${line.text === "" ? "" : `: ${line.text.trim()}`}`;
    const rendered: ErrorFacts = {
      message: messageOf(facts),
      where: `${image.name}, insn ${facts.insn}: ${instruction}${source}`,
    };
    super(CODES[facts.kind], rendered);
    this.facts = facts;
    this.instruction = instruction;
    this.line = line;
  }

  override toJSON(): Record<string, unknown> {
    const { address, ...facts } = this.facts;
    return {
      ...super.toJSON(),
      ...facts,
      ...(address === undefined ? {} : { address: hex(address) }),
      instruction: this.instruction,
      line: this.line,
    };
  }
}

function describeInsn(insns: readonly Insn[], index: number): string {
  return disasmInsn(insns, index, { imm: nameImm() });
}
