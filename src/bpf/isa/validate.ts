// Illegal encodings, refused before anything is executed or verified. The checks and their words follow the kernel
// (check_subprogs, resolve_pseudo_ldimm64, the reserved-field checks of kernel/bpf/verifier.c at v7.2). What needs types or
// data flow is the verifier's business. Registers above r10 are refused: stack arguments through r11 are not supported.

import * as C from "./constants.ts";
import { disasmInsn, jumpTarget } from "./disasm.ts";
import { IsaError } from "./errors.ts";
import { BPF_PSEUDO_CALL, BPF_PSEUDO_FUNC, BPF_PSEUDO_MAP_FD, BPF_PSEUDO_MAP_IDX, type Insn } from "./insn.ts";
import { isLdImm64, rowOf, rowsOf, type OpRow } from "./optable.ts";

/** What a program may not be, slot by slot. */
export interface Violation {
  /** Slot index. */
  readonly insn: number;
  /** In the kernel's words. */
  readonly message: string;
}

/** Name of an instruction in "uses reserved fields" messages. */
function reservedName(row: OpRow): string {
  switch (row.op) {
    case "call":
      return "BPF_CALL";
    case "callx":
      return "BPF_CALL";
    case "exit":
      return "BPF_EXIT";
    case "ja":
    case "gotox":
      return "BPF_JA";
    case "neg":
      return "BPF_NEG";
    case "mov":
    case "movsx":
    case "addr_space_cast":
      return "BPF_MOV";
    case "to_le":
    case "to_be":
    case "bswap":
      return "BPF_END";
    case "ld_abs":
    case "ld_ind":
      return "BPF_LD_[ABS|IND]";
    case "ldx":
    case "ldsx":
      return "BPF_LDX";
    case "st":
      return "BPF_ST";
    case "stx":
      return "BPF_STX";
    default:
      return row.class === "alu" || row.class === "alu64" ? "BPF_ALU" : "BPF_JMP/JMP32";
  }
}

function checkFields(insn: Insn, options: ValidateOptions): string | undefined {
  const rows = rowsOf(insn.code);
  if (rows.length === 0 || (options.linux === true && rows[0].group === "callx"))
    return `unknown opcode ${insn.code.toString(16).padStart(2, "0")}`;
  const row = rowOf(insn);
  if (row === undefined) {
    const mode = rows[0];
    if (mode.format === "ld_imm64") return "unrecognized bpf_ld_imm64 insn";
    if (mode.class === "stx")
      return `BPF_ATOMIC uses invalid atomic opcode ${(insn.imm >>> 0).toString(16).padStart(2, "0")}`;
    return `${reservedName(mode)} uses reserved fields`;
  }
  if (row.zero.some((field) => insn[field] !== 0)) {
    if (row.op === "ld_imm64") return "BPF_LD_IMM64 uses reserved fields";
    return row.op === "may_goto" ? `invalid may_goto imm ${insn.imm}` : `${reservedName(row)} uses reserved fields`;
  }
  for (const field of ["dst_reg", "src_reg"] as const) {
    const pseudo = row.when?.[0] === field;
    if (!pseudo && insn[field] >= C.MAX_BPF_REG) return `R${insn[field]} is invalid`;
  }
  if (row.op === "addr_space_cast" && insn.imm !== 1 && insn.imm !== 0x10000)
    return "addr_space_cast insn can only convert between address space 1 and 0";
  const written = row.writes === undefined ? undefined : insn[row.writes];
  if (written === C.BPF_REG_10) return "frame pointer is read only";
  const shift = row.op === "lsh" || row.op === "rsh" || row.op === "arsh";
  if (shift && row.source === "K" && (insn.imm < 0 || insn.imm >= row.width)) return `invalid shift ${insn.imm}`;
  const divides = row.op === "div" || row.op === "sdiv" || row.op === "mod" || row.op === "smod";
  if (divides && row.source === "K" && insn.imm === 0) return "div by zero";
  return undefined;
}

function checkLdImm64(insns: readonly Insn[], index: number): string | undefined {
  const second = insns[index + 1];
  if (second === undefined || second.code !== 0 || second.dst_reg !== 0 || second.src_reg !== 0 || second.off !== 0) {
    return "invalid bpf_ld_imm64 insn";
  }
  const { src_reg } = insns[index];
  const noOffset = src_reg === BPF_PSEUDO_MAP_FD || src_reg === BPF_PSEUDO_MAP_IDX;
  return noOffset && second.imm !== 0 ? "unrecognized bpf_ld_imm64 insn" : undefined;
}

/** Slot a call or a function reference names, or undefined for any other instruction. */
function calledSlot(insn: Insn, index: number): number | undefined {
  const call = insn.code === (C.BPF_JMP | C.BPF_CALL) && insn.src_reg === BPF_PSEUDO_CALL;
  return call || (isLdImm64(insn) && insn.src_reg === BPF_PSEUDO_FUNC) ? index + 1 + insn.imm : undefined;
}

/** First slots of the functions of a program, ascending: its own entry and whatever is called or referred to. */
export function subprogStarts(insns: readonly Insn[]): number[] {
  const starts = new Set([0]);
  for (let index = 0; index < insns.length; index++) {
    const called = calledSlot(insns[index], index);
    if (called !== undefined) starts.add(called);
    if (isLdImm64(insns[index])) index++;
  }
  return [...starts].sort((a, b) => a - b);
}

/** Where control may not go: outside the program, its function, or into the middle of an instruction. */
function checkFlow(insns: readonly Insn[], seconds: ReadonlySet<number>): Violation | undefined {
  const starts = subprogStarts(insns);
  let start = 0;
  let end = 0;
  let next = 0;
  for (let index = 0; index < insns.length; index++) {
    if (index === end) {
      start = end;
      next++;
      end = starts[next] ?? insns.length;
    }
    if (seconds.has(index)) continue;
    const insn = insns[index];
    const called = calledSlot(insn, index);
    if (called !== undefined && (called < 0 || called >= insns.length))
      return { insn: index, message: `call to invalid destination` };
    const target = called ?? jumpTarget(insn, index);
    if (target === undefined) continue;
    if (called === undefined && (target < start || target >= end))
      return { insn: index, message: `jump out of range from insn ${index} to ${target}` };
    if (seconds.has(target)) return { insn: index, message: `jump into the middle of ldimm64 insn ${target - 1}` };
  }
  for (const [at, begin] of starts.entries()) {
    const last = (starts[at + 1] ?? insns.length) - 1;
    const ending = seconds.has(last) || last < begin ? undefined : rowOf(insns[last])?.op;
    if (ending !== "exit" && ending !== "ja" && ending !== "gotox")
      return { insn: seconds.has(last) ? last - 1 : last, message: "last insn is not an exit or jmp" };
  }
  return undefined;
}

/** Options of validation. */
export interface ValidateOptions {
  /**
   * Refuse what only Linux refuses: constant shifts beyond the width, constant divisions by zero, calls through a register.
   * Off by default, because the encodings are legal (RFC 9669 defines their results).
   */
  readonly linux?: boolean;
}

/** The first illegal thing in `insns`, or undefined. */
export function findViolation(insns: readonly Insn[], options: ValidateOptions = {}): Violation | undefined {
  if (insns.length === 0) return { insn: 0, message: "the program is empty" };
  const seconds = new Set<number>();
  for (let index = 0; index < insns.length; index++) {
    if (seconds.has(index)) continue;
    const insn = insns[index];
    const message = checkFields(insn, options) ?? (isLdImm64(insn) ? checkLdImm64(insns, index) : undefined);
    const tolerated =
      options.linux !== true &&
      message !== undefined &&
      (message === "div by zero" || message.startsWith("invalid shift"));
    if (message !== undefined && !tolerated) return { insn: index, message };
    if (isLdImm64(insn)) seconds.add(index + 1);
  }
  return checkFlow(insns, seconds);
}

/** Throws IsaError ISA_ENCODING when `insns` holds an illegal instruction. */
export function validate(insns: readonly Insn[], options: ValidateOptions = {}): void {
  const violation = findViolation(insns, options);
  if (violation === undefined) return;
  const { insn, message } = violation;
  throw new IsaError("ISA_ENCODING", insn, { message, where: `insn ${insn}`, found: disasmInsn(insns, insn) });
}
