// The fields of an instruction code and the values they take, spelled as in include/uapi/linux/bpf_common.h and bpf.h at
// v7.2 (RFC 9669 sections 3 and 4). Kernel-internal codes (BPF_NOSPEC, BPF_PROBE_MEM ...) are left out.

/** Instruction classes: code & 7. */
export const BPF_LD = 0x00;
export const BPF_LDX = 0x01;
export const BPF_ST = 0x02;
export const BPF_STX = 0x03;
export const BPF_ALU = 0x04;
export const BPF_JMP = 0x05;
export const BPF_JMP32 = 0x06;
export const BPF_ALU64 = 0x07;

/** Access sizes of loads and stores: code & 0x18. */
export const BPF_W = 0x00;
export const BPF_H = 0x08;
export const BPF_B = 0x10;
export const BPF_DW = 0x18;

/** Access modes of loads and stores: code & 0xe0. */
export const BPF_IMM = 0x00;
export const BPF_ABS = 0x20;
export const BPF_IND = 0x40;
export const BPF_MEM = 0x60;
export const BPF_MEMSX = 0x80;
export const BPF_ATOMIC = 0xc0;

/** Operand source of ALU and jumps: code & 8. */
export const BPF_K = 0x00;
export const BPF_X = 0x08;

/** Byte orders, in the place of the source, of BPF_END in class ALU. */
export const BPF_TO_LE = 0x00;
export const BPF_TO_BE = 0x08;

/** ALU operations: code & 0xf0. */
export const BPF_ADD = 0x00;
export const BPF_SUB = 0x10;
export const BPF_MUL = 0x20;
export const BPF_DIV = 0x30;
export const BPF_OR = 0x40;
export const BPF_AND = 0x50;
export const BPF_LSH = 0x60;
export const BPF_RSH = 0x70;
export const BPF_NEG = 0x80;
export const BPF_MOD = 0x90;
export const BPF_XOR = 0xa0;
export const BPF_MOV = 0xb0;
export const BPF_ARSH = 0xc0;
export const BPF_END = 0xd0;

/** Jump operations: code & 0xf0. */
export const BPF_JA = 0x00;
export const BPF_JEQ = 0x10;
export const BPF_JGT = 0x20;
export const BPF_JGE = 0x30;
export const BPF_JSET = 0x40;
export const BPF_JNE = 0x50;
export const BPF_JSGT = 0x60;
export const BPF_JSGE = 0x70;
export const BPF_CALL = 0x80;
export const BPF_EXIT = 0x90;
export const BPF_JLT = 0xa0;
export const BPF_JLE = 0xb0;
export const BPF_JSLT = 0xc0;
export const BPF_JSLE = 0xd0;
export const BPF_JCOND = 0xe0;

/** imm of BPF_ATOMIC, besides BPF_ADD, BPF_OR, BPF_AND and BPF_XOR with or without BPF_FETCH. */
export const BPF_FETCH = 0x01;
export const BPF_XCHG = 0xe1;
export const BPF_CMPXCHG = 0xf1;
export const BPF_LOAD_ACQ = 0x100;
export const BPF_STORE_REL = 0x110;

/** src_reg of BPF_JCOND. */
export const BPF_MAY_GOTO = 0;

/** off of a 64-bit register move that converts an arena pointer. */
export const BPF_ADDR_SPACE_CAST = 1;

/** The frame pointer. */
export const BPF_REG_10 = 10;
export const MAX_BPF_REG = 11;

/** Bytes of stack over a call chain. */
export const MAX_BPF_STACK = 512;

/** The class of an instruction code. */
export function BPF_CLASS(code: number): number {
  return code & 0x07;
}

/** The size field of a load or store. */
export function BPF_SIZE(code: number): number {
  return code & 0x18;
}

/** The mode field of a load or store. */
export function BPF_MODE(code: number): number {
  return code & 0xe0;
}

/** The operation of an ALU or jump instruction (or of an atomic's imm). */
export function BPF_OP(code: number): number {
  return code & 0xf0;
}

/** The operand source of an ALU or jump instruction. */
export function BPF_SRC(code: number): number {
  return code & 0x08;
}
