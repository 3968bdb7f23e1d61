// The instruction set, v1 to v4, as a table: one row per instruction code and variant (RFC 9669, and what Linux 7.2 has
// beyond it). Disassembler, assembler, validator, interpreter and JIT all go by these rows. Rows are generated from the
// regular parts of the encoding; the order within one code is: the plain form first, then its variants.

import * as C from "./constants.ts";
import {
  BPF_PSEUDO_BTF_ID,
  BPF_PSEUDO_CALL,
  BPF_PSEUDO_FUNC,
  BPF_PSEUDO_KFUNC_CALL,
  BPF_PSEUDO_MAP_FD,
  BPF_PSEUDO_MAP_IDX,
  BPF_PSEUDO_MAP_IDX_VALUE,
  BPF_PSEUDO_MAP_VALUE,
  type Insn,
} from "./insn.ts";

/** What an instruction does, apart from width and operand kind. */
export type Operation =
  | "add"
  | "sub"
  | "mul"
  | "div"
  | "sdiv"
  | "mod"
  | "smod"
  | "or"
  | "and"
  | "xor"
  | "lsh"
  | "rsh"
  | "arsh"
  | "neg"
  | "mov"
  | "movsx"
  | "addr_space_cast"
  | "to_le"
  | "to_be"
  | "bswap"
  | "ja"
  | "may_goto"
  | "gotox"
  | "jeq"
  | "jne"
  | "jgt"
  | "jge"
  | "jlt"
  | "jle"
  | "jset"
  | "jsgt"
  | "jsge"
  | "jslt"
  | "jsle"
  | "call"
  | "callx"
  | "exit"
  | "ld_imm64"
  | "ld_abs"
  | "ld_ind"
  | "ldx"
  | "ldsx"
  | "st"
  | "stx"
  | "atomic_add"
  | "atomic_and"
  | "atomic_or"
  | "atomic_xor"
  | "fetch_add"
  | "fetch_and"
  | "fetch_or"
  | "fetch_xor"
  | "xchg"
  | "cmpxchg"
  | "load_acquire"
  | "store_release";

/** How a row is printed and parsed; disasm.ts has one function per key. */
export type Format =
  | "alu_k"
  | "alu_x"
  | "neg"
  | "end"
  | "addr_space_cast"
  | "goto"
  | "gotol"
  | "gotox"
  | "may_goto"
  | "jump_k"
  | "jump_x"
  | "call_helper"
  | "call_pc"
  | "call_kfunc"
  | "callx"
  | "exit"
  | "ld_imm64"
  | "ld_abs"
  | "ld_ind"
  | "ldx"
  | "st"
  | "stx"
  | "lock"
  | "fetch"
  | "xchg"
  | "cmpxchg"
  | "load_acquire"
  | "store_release";

/** Conformance groups of RFC 9669 section 2.4; "linux" for what the RFC does not have, "callx" for what Linux does not. */
export type Group =
  | "callx"
  | "base32"
  | "base64"
  | "atomic32"
  | "atomic64"
  | "divmul32"
  | "divmul64"
  | "packet"
  | "linux";

/** Class names as the kernel's disassembler has them. */
export type ClassName = "ld" | "ldx" | "st" | "stx" | "alu" | "jmp" | "jmp32" | "alu64";

/** The fields of an instruction other than its code. */
export type FieldName = "dst_reg" | "src_reg" | "off" | "imm";

/** One instruction or variant. */
export interface OpRow {
  readonly code: number;
  readonly class: ClassName;
  readonly op: Operation;
  /** Bits operated on: of the registers for ALU and jumps, of the memory for loads and stores; for movsx, see `from`. */
  readonly width: 8 | 16 | 32 | 64;
  /** movsx: the bits that are sign-extended. */
  readonly from?: 8 | 16 | 32;
  /** Second operand of ALU and jumps: the immediate or a register. */
  readonly source?: "K" | "X";
  /** The field that tells this variant from others of the same code, and its value. */
  readonly when?: readonly [field: FieldName, value: number];
  /** Fields that must be zero. */
  readonly zero: readonly FieldName[];
  /** Fields that name a register read, and whether dst_reg is read or written. */
  readonly reads: readonly ("dst_reg" | "src_reg")[];
  readonly writes?: "dst_reg" | "src_reg";
  /** First instruction-set version (clang's -mcpu) that has it. */
  readonly cpu: 1 | 2 | 3 | 4;
  readonly group: Group;
  readonly format: Format;
  /** Operator text in the disassembly: `+=`, `s>`. */
  readonly symbol: string;
  /** Why the engines of this project refuse it, when they do. */
  readonly refused?: string;
}

const CLASS_NAMES: readonly ClassName[] = ["ld", "ldx", "st", "stx", "alu", "jmp", "jmp32", "alu64"];

const WIDTH_OF_SIZE = new Map<number, 8 | 16 | 32 | 64>([
  [C.BPF_B, 8],
  [C.BPF_H, 16],
  [C.BPF_W, 32],
  [C.BPF_DW, 64],
]);

type Partial0 = Omit<OpRow, "class" | "zero" | "reads" | "cpu" | "symbol"> & Partial<OpRow>;

function row(fields: Partial0): OpRow {
  return { class: CLASS_NAMES[fields.code & 7], zero: [], reads: [], cpu: 1, symbol: "", ...fields };
}

/** [code, operation, symbol, group kind, signed variant (off = 1)] */
const ALU = [
  [C.BPF_ADD, "add", "+=", "base", undefined],
  [C.BPF_SUB, "sub", "-=", "base", undefined],
  [C.BPF_MUL, "mul", "*=", "divmul", undefined],
  [C.BPF_DIV, "div", "/=", "divmul", "sdiv"],
  [C.BPF_OR, "or", "|=", "base", undefined],
  [C.BPF_AND, "and", "&=", "base", undefined],
  [C.BPF_LSH, "lsh", "<<=", "base", undefined],
  [C.BPF_RSH, "rsh", ">>=", "base", undefined],
  [C.BPF_MOD, "mod", "%=", "divmul", "smod"],
  [C.BPF_XOR, "xor", "^=", "base", undefined],
  [C.BPF_ARSH, "arsh", "s>>=", "base", undefined],
] as const;

function aluRows(cls: number, width: 32 | 64): OpRow[] {
  const rows: OpRow[] = [];
  const base: Group = width === 64 ? "base64" : "base32";
  for (const [op, name, symbol, kind, signed] of ALU) {
    for (const source of ["K", "X"] as const) {
      const code = cls | op | (source === "X" ? C.BPF_X : C.BPF_K);
      const unused: FieldName = source === "X" ? "imm" : "src_reg";
      const common = {
        code,
        width,
        source,
        reads: source === "X" ? (["dst_reg", "src_reg"] as const) : (["dst_reg"] as const),
        writes: "dst_reg" as const,
        group: kind === "base" ? base : width === 64 ? ("divmul64" as const) : ("divmul32" as const),
        format: source === "X" ? ("alu_x" as const) : ("alu_k" as const),
      };
      rows.push(row({ ...common, op: name, symbol, zero: ["off", unused] }));
      if (signed)
        rows.push(row({ ...common, op: signed, symbol: `s${symbol}`, zero: [unused], when: ["off", 1], cpu: 4 }));
    }
  }
  rows.push(
    row({
      code: cls | C.BPF_NEG,
      op: "neg",
      width,
      group: base,
      format: "neg",
      zero: ["src_reg", "off", "imm"],
      reads: ["dst_reg"],
      writes: "dst_reg",
    }),
    row({
      code: cls | C.BPF_MOV | C.BPF_K,
      op: "mov",
      width,
      source: "K",
      group: base,
      format: "alu_k",
      symbol: "=",
      zero: ["src_reg", "off"],
      writes: "dst_reg",
    }),
    row({
      code: cls | C.BPF_MOV | C.BPF_X,
      op: "mov",
      width,
      source: "X",
      group: base,
      format: "alu_x",
      symbol: "=",
      zero: ["off", "imm"],
      reads: ["src_reg"],
      writes: "dst_reg",
    }),
  );
  for (const from of width === 64 ? ([8, 16, 32] as const) : ([8, 16] as const)) {
    rows.push(
      row({
        code: cls | C.BPF_MOV | C.BPF_X,
        op: "movsx",
        width,
        from,
        source: "X",
        group: base,
        format: "alu_x",
        symbol: "=",
        when: ["off", from],
        zero: ["imm"],
        reads: ["src_reg"],
        writes: "dst_reg",
        cpu: 4,
      }),
    );
  }
  return rows;
}

function endRows(): OpRow[] {
  const kinds = [
    [C.BPF_ALU | C.BPF_TO_LE, "to_le", "le", 1],
    [C.BPF_ALU | C.BPF_TO_BE, "to_be", "be", 1],
    [C.BPF_ALU64, "bswap", "bswap", 4],
  ] as const;
  return kinds.flatMap(([code, op, symbol, cpu]) =>
    ([16, 32, 64] as const).map((width) =>
      row({
        code: code | C.BPF_END,
        op,
        width,
        symbol,
        cpu,
        group: width === 64 ? "base64" : "base32",
        format: "end",
        when: ["imm", width],
        zero: ["src_reg", "off"],
        reads: ["dst_reg"],
        writes: "dst_reg",
      }),
    ),
  );
}

/** [code, operation, symbol, first version] */
const JUMPS = [
  [C.BPF_JEQ, "jeq", "==", 1],
  [C.BPF_JGT, "jgt", ">", 1],
  [C.BPF_JGE, "jge", ">=", 1],
  [C.BPF_JSET, "jset", "&", 1],
  [C.BPF_JNE, "jne", "!=", 1],
  [C.BPF_JSGT, "jsgt", "s>", 1],
  [C.BPF_JSGE, "jsge", "s>=", 1],
  [C.BPF_JLT, "jlt", "<", 2],
  [C.BPF_JLE, "jle", "<=", 2],
  [C.BPF_JSLT, "jslt", "s<", 2],
  [C.BPF_JSLE, "jsle", "s<=", 2],
] as const;

function jumpRows(): OpRow[] {
  const rows: OpRow[] = [];
  for (const [cls, width] of [
    [C.BPF_JMP, 64],
    [C.BPF_JMP32, 32],
  ] as const) {
    for (const [op, name, symbol, cpu] of JUMPS) {
      const common = {
        op: name,
        width,
        symbol,
        cpu: width === 32 ? (3 as const) : cpu,
        group: width === 64 ? ("base64" as const) : ("base32" as const),
      };
      rows.push(
        row({
          ...common,
          code: cls | op | C.BPF_K,
          source: "K",
          format: "jump_k",
          zero: ["src_reg"],
          reads: ["dst_reg"],
        }),
        row({
          ...common,
          code: cls | op | C.BPF_X,
          source: "X",
          format: "jump_x",
          zero: ["imm"],
          reads: ["dst_reg", "src_reg"],
        }),
      );
    }
  }
  rows.push(
    row({
      code: C.BPF_JMP | C.BPF_JA,
      op: "ja",
      width: 64,
      group: "base32",
      format: "goto",
      zero: ["dst_reg", "src_reg", "imm"],
    }),
    row({
      code: C.BPF_JMP32 | C.BPF_JA,
      op: "ja",
      width: 32,
      group: "base32",
      format: "gotol",
      zero: ["dst_reg", "src_reg", "off"],
      cpu: 4,
    }),
    row({
      code: C.BPF_JMP | C.BPF_JA | C.BPF_X,
      op: "gotox",
      width: 64,
      group: "linux",
      format: "gotox",
      zero: ["src_reg", "off", "imm"],
      reads: ["dst_reg"],
      cpu: 4,
      refused: "indirect jumps need an instruction array map, which is not supported",
    }),
    row({
      code: C.BPF_JMP | C.BPF_JCOND,
      op: "may_goto",
      width: 64,
      group: "linux",
      format: "may_goto",
      zero: ["dst_reg", "src_reg", "imm"],
      cpu: 4,
    }),
    row({
      code: C.BPF_JMP | C.BPF_CALL,
      op: "call",
      width: 64,
      group: "base32",
      format: "call_helper",
      zero: ["dst_reg", "src_reg", "off"],
    }),
    row({
      code: C.BPF_JMP | C.BPF_CALL,
      op: "call",
      width: 64,
      group: "base32",
      format: "call_pc",
      when: ["src_reg", BPF_PSEUDO_CALL],
      zero: ["dst_reg", "off"],
    }),
    row({
      code: C.BPF_JMP | C.BPF_CALL,
      op: "call",
      width: 64,
      group: "base32",
      format: "call_kfunc",
      when: ["src_reg", BPF_PSEUDO_KFUNC_CALL],
      zero: ["dst_reg"],
    }),
    row({
      code: C.BPF_JMP | C.BPF_CALL | C.BPF_X,
      op: "callx",
      width: 64,
      group: "callx",
      format: "callx",
      zero: ["src_reg", "off", "imm"],
      reads: ["dst_reg"],
    }),
    row({
      code: C.BPF_JMP | C.BPF_EXIT,
      op: "exit",
      width: 64,
      group: "base32",
      format: "exit",
      zero: ["dst_reg", "src_reg", "off", "imm"],
    }),
  );
  return rows;
}

/** [imm, operation, format, symbol] of BPF_ATOMIC on 32 and 64 bits. */
const ATOMICS = [
  [C.BPF_ADD, "atomic_add", "lock", "+=", 1],
  [C.BPF_OR, "atomic_or", "lock", "|=", 3],
  [C.BPF_AND, "atomic_and", "lock", "&=", 3],
  [C.BPF_XOR, "atomic_xor", "lock", "^=", 3],
  [C.BPF_ADD | C.BPF_FETCH, "fetch_add", "fetch", "add", 3],
  [C.BPF_OR | C.BPF_FETCH, "fetch_or", "fetch", "or", 3],
  [C.BPF_AND | C.BPF_FETCH, "fetch_and", "fetch", "and", 3],
  [C.BPF_XOR | C.BPF_FETCH, "fetch_xor", "fetch", "xor", 3],
  [C.BPF_XCHG, "xchg", "xchg", "xchg", 3],
  [C.BPF_CMPXCHG, "cmpxchg", "cmpxchg", "cmpxchg", 3],
] as const;

function memoryRows(): OpRow[] {
  const rows: OpRow[] = [];
  for (const [size, width] of WIDTH_OF_SIZE) {
    const group: Group = width === 64 ? "base64" : "base32";
    rows.push(
      row({
        code: C.BPF_LDX | C.BPF_MEM | size,
        op: "ldx",
        width,
        group,
        format: "ldx",
        symbol: `u${width}`,
        zero: ["imm"],
        reads: ["src_reg"],
        writes: "dst_reg",
      }),
      row({
        code: C.BPF_ST | C.BPF_MEM | size,
        op: "st",
        width,
        group,
        format: "st",
        symbol: `u${width}`,
        zero: ["src_reg"],
        reads: ["dst_reg"],
      }),
      row({
        code: C.BPF_STX | C.BPF_MEM | size,
        op: "stx",
        width,
        group,
        format: "stx",
        symbol: `u${width}`,
        zero: ["imm"],
        reads: ["dst_reg", "src_reg"],
      }),
    );
    if (width !== 64) {
      const packet = {
        width,
        group: "packet" as const,
        symbol: `u${width}`,
        refused: "there is no packet to load from (BPF_LD_ABS and BPF_LD_IND are for socket filters)",
      };
      rows.push(
        row({
          code: C.BPF_LDX | C.BPF_MEMSX | size,
          op: "ldsx",
          width,
          group,
          format: "ldx",
          symbol: `s${width}`,
          zero: ["imm"],
          reads: ["src_reg"],
          writes: "dst_reg",
          cpu: 4,
        }),
        row({
          ...packet,
          code: C.BPF_LD | C.BPF_ABS | size,
          op: "ld_abs",
          format: "ld_abs",
          zero: ["dst_reg", "src_reg", "off"],
        }),
        row({
          ...packet,
          code: C.BPF_LD | C.BPF_IND | size,
          op: "ld_ind",
          format: "ld_ind",
          zero: ["dst_reg", "off"],
          reads: ["src_reg"],
        }),
      );
    }
    const code = C.BPF_STX | C.BPF_ATOMIC | size;
    if (width >= 32) {
      for (const [imm, op, format, symbol, cpu] of ATOMICS) {
        rows.push(
          row({
            code,
            op,
            width,
            format,
            symbol,
            cpu,
            group: width === 64 ? "atomic64" : "atomic32",
            when: ["imm", imm],
            reads: ["dst_reg", "src_reg"],
            ...(format === "fetch" || format === "xchg" ? { writes: "src_reg" as const } : {}),
          }),
        );
      }
    }
    rows.push(
      row({
        code,
        op: "load_acquire",
        width,
        group: "linux",
        format: "load_acquire",
        symbol: `u${width}`,
        cpu: 4,
        when: ["imm", C.BPF_LOAD_ACQ],
        reads: ["src_reg"],
        writes: "dst_reg",
      }),
      row({
        code,
        op: "store_release",
        width,
        group: "linux",
        format: "store_release",
        symbol: `u${width}`,
        cpu: 4,
        when: ["imm", C.BPF_STORE_REL],
        reads: ["dst_reg", "src_reg"],
      }),
    );
  }
  for (const src of [
    0,
    BPF_PSEUDO_MAP_FD,
    BPF_PSEUDO_MAP_VALUE,
    BPF_PSEUDO_BTF_ID,
    BPF_PSEUDO_FUNC,
    BPF_PSEUDO_MAP_IDX,
    BPF_PSEUDO_MAP_IDX_VALUE,
  ]) {
    rows.push(
      row({
        code: C.BPF_LD | C.BPF_IMM | C.BPF_DW,
        op: "ld_imm64",
        width: 64,
        group: "base64",
        format: "ld_imm64",
        when: ["src_reg", src],
        zero: ["off"],
        writes: "dst_reg",
      }),
    );
  }
  return rows;
}

const CAST = row({
  code: C.BPF_ALU64 | C.BPF_MOV | C.BPF_X,
  op: "addr_space_cast",
  width: 64,
  source: "X",
  group: "linux",
  format: "addr_space_cast",
  when: ["off", C.BPF_ADDR_SPACE_CAST],
  reads: ["src_reg"],
  writes: "dst_reg",
  cpu: 4,
  refused: "arena maps are not supported",
});

/** Every instruction and variant. */
export const OP_TABLE: readonly OpRow[] = [
  ...aluRows(C.BPF_ALU, 32),
  ...aluRows(C.BPF_ALU64, 64),
  CAST,
  ...endRows(),
  ...jumpRows(),
  ...memoryRows(),
];

const BY_CODE: readonly OpRow[][] = Array.from({ length: 256 }, () => []);
for (const each of OP_TABLE) BY_CODE[each.code].push(each);

/** All rows of one instruction code; empty for an unknown one. */
export function rowsOf(code: number): readonly OpRow[] {
  return BY_CODE[code & 0xff];
}

/** The row of `insn`, or undefined when neither a variant matches nor the code has a plain form (reserved fields are not judged). */
export function rowOf(insn: Insn): OpRow | undefined {
  let plain: OpRow | undefined;
  for (const row of rowsOf(insn.code)) {
    if (row.when === undefined) plain = row;
    else if (insn[row.when[0]] === row.when[1]) return row;
  }
  return plain;
}

/** True for the first slot of a 16-byte instruction. */
export function isLdImm64(insn: Insn): boolean {
  return insn.code === (C.BPF_LD | C.BPF_IMM | C.BPF_DW);
}
