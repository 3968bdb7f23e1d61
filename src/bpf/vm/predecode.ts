// A program in the form the interpreter's switch eats: parallel typed arrays, one element a slot. Registers become indices
// of word pairs in one Int32Array; immediates become pairs of the same array behind the registers, so that register and
// immediate forms are one micro-operation. Numbers are positions in MICRO_OPS; the interpreter repeats them as literals,
// because V8 makes a jump table of a switch only then.

import {
  BPF_REG_10,
  callKind,
  isLdImm64,
  jumpTarget,
  MAX_BPF_STACK,
  rowOf,
  type Insn,
  type Operation,
  type OpRow,
} from "../isa/index.ts";
import { VmError } from "./fault.ts";
import type { VmImage } from "./types.ts";

/** All micro-operations, by number. */
export const MICRO_OPS: readonly string[] = [
  "illegal",
  "exit",
  "ja",
  "may_goto",
  "call_helper",
  "call_pc",
  "call_kfunc",
  "callx",
  "mov64",
  "mov32",
  "add64",
  "sub64",
  "mul64",
  "div64",
  "sdiv64",
  "mod64",
  "smod64",
  "or64",
  "and64",
  "xor64",
  "lsh64",
  "rsh64",
  "arsh64",
  "neg64",
  "add32",
  "sub32",
  "mul32",
  "div32",
  "sdiv32",
  "mod32",
  "smod32",
  "or32",
  "and32",
  "xor32",
  "lsh32",
  "rsh32",
  "arsh32",
  "neg32",
  "movsx64_8",
  "movsx64_16",
  "movsx64_32",
  "movsx32_8",
  "movsx32_16",
  "to_le16",
  "to_le32",
  "to_le64",
  "swap16",
  "swap32",
  "swap64",
  "jeq64",
  "jne64",
  "jgt64",
  "jge64",
  "jlt64",
  "jle64",
  "jset64",
  "jsgt64",
  "jsge64",
  "jslt64",
  "jsle64",
  "jeq32",
  "jne32",
  "jgt32",
  "jge32",
  "jlt32",
  "jle32",
  "jset32",
  "jsgt32",
  "jsge32",
  "jslt32",
  "jsle32",
  "ldx8",
  "ldx16",
  "ldx32",
  "ldx64",
  "ldsx8",
  "ldsx16",
  "ldsx32",
  "stx8",
  "stx16",
  "stx32",
  "stx64",
  // Loads and stores through r10 at offsets inside the frame need no check.
  "stack_ldx8",
  "stack_ldx16",
  "stack_ldx32",
  "stack_ldx64",
  "stack_stx8",
  "stack_stx16",
  "stack_stx32",
  "stack_stx64",
  "atomic",
  "ld_imm64",
];

const NUMBER = new Map(MICRO_OPS.map((name, index) => [name, index]));

/** Kinds of the micro-operation "atomic", in `extra`; the width is in `size`. */
export const ATOMIC_OPS: readonly Operation[] = [
  "atomic_add",
  "atomic_and",
  "atomic_or",
  "atomic_xor",
  "fetch_add",
  "fetch_and",
  "fetch_or",
  "fetch_xor",
  "xchg",
  "cmpxchg",
  "load_acquire",
  "store_release",
];

/** Index of the first constant: after r0..r10 and one spare pair. */
export const CONSTANTS = 24;

/** A predecoded program. */
export interface MicroProgram {
  /**
   * Micro-operation in bits 0..6, index of the destination's low word (the address register's, for stores) in bits 7..11,
   * index of the source's or the constant's low word above. One word, because every array access costs a bounds check.
   */
  readonly code: Int32Array;
  /** Memory offset, or slot to go to. */
  readonly off: Int32Array;
  /** Bytes accessed by loads, stores and atomics. */
  readonly size: Uint8Array;
  /** Call number, kind of atomic. */
  readonly extra: Int32Array;
  /** Word pairs to put behind the registers. */
  readonly constants: Int32Array;
}

/** Micro-operation of a code word. */
export function opOf(word: number): number {
  return word & 127;
}

/** Index of the destination's low word. */
export function dstOf(word: number): number {
  return (word >>> 7) & 31;
}

/** Index of the source's or the constant's low word. */
export function srcOf(word: number): number {
  return word >>> 12;
}

function nameOf(row: OpRow, insn: Insn): string {
  switch (row.op) {
    case "exit":
    case "ja":
    case "may_goto":
    case "callx":
      return row.op;
    case "call": {
      const kind = callKind(insn);
      return kind === "subprog" ? "call_pc" : kind === "kfunc" ? "call_kfunc" : "call_helper";
    }
    case "ld_imm64":
      return "ld_imm64";
    case "movsx":
      return `movsx${row.width}_${row.from}`;
    // All hosts of WebAssembly are little-endian.
    case "to_le":
      return `to_le${row.width}`;
    case "to_be":
    case "bswap":
      return `swap${row.width}`;
    case "st":
    case "stx":
    case "ldx": {
      const address = row.op === "ldx" ? insn.src_reg : insn.dst_reg;
      const name = row.op === "ldx" ? "ldx" : "stx";
      const inFrame = address === BPF_REG_10 && insn.off >= -MAX_BPF_STACK && insn.off + row.width / 8 <= 0;
      return `${inFrame ? "stack_" : ""}${name}${row.width}`;
    }
    default:
      return ATOMIC_OPS.includes(row.op) ? "atomic" : `${row.op}${row.width}`;
  }
}

/** Predecodes the slots of an image, which buildImage() has validated. */
export function predecode(image: Pick<VmImage, "insns">): MicroProgram {
  const { insns } = image;
  const count = insns.length;
  const pool = new Map<string, number>();
  const constants: number[] = [];
  const constant = (low: number, high: number): number => {
    const key = `${low},${high}`;
    let at = pool.get(key);
    if (at === undefined) {
      at = CONSTANTS + constants.length;
      pool.set(key, at);
      constants.push(low, high);
    }
    return at;
  };
  const program = {
    code: new Int32Array(count),
    off: new Int32Array(count),
    size: new Uint8Array(count),
    extra: new Int32Array(count),
  };
  for (let index = 0; index < count; index++) {
    const insn = insns[index];
    const row = rowOf(insn)!;
    const immediate = row.source === "K" || row.op === "st";
    let source = insn.src_reg * 2;
    if (isLdImm64(insn)) source = constant(insn.imm, insns[index + 1].imm);
    else if (immediate) source = constant(insn.imm, insn.imm >> 31);
    program.code[index] = (NUMBER.get(nameOf(row, insn)) ?? 0) | (insn.dst_reg << 8) | (source << 12);
    program.off[index] = jumpTarget(insn, index) ?? insn.off;
    program.size[index] = row.width / 8;
    if (row.op === "call") {
      program.extra[index] = insn.imm;
      if (callKind(insn) === "subprog") program.off[index] = index + 1 + insn.imm;
    }
    const atomic = ATOMIC_OPS.indexOf(row.op);
    if (atomic >= 0) program.extra[index] = atomic;
    if (isLdImm64(insn)) index++;
  }
  if (CONSTANTS + constants.length > 1 << 20) {
    throw new VmError("VM_IMAGE", {
      message: "the program has too many different constants",
      found: String(constants.length / 2),
      expected: `at most ${((1 << 20) - CONSTANTS) / 2}`,
    });
  }
  return { ...program, constants: Int32Array.from(constants) };
}
