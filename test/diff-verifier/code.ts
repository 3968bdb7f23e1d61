// Short names for the instructions that generated programs are written with.

import { insn, type Insn } from "../../src/bpf/isa/index.ts";

export { insn };

/** `[size bits of the opcode, bytes]` */
export type Size = readonly [bits: number, bytes: number];
export const B: Size = [0x10, 1];
export const H: Size = [0x08, 2];
export const W: Size = [0x00, 4];
export const DW: Size = [0x18, 8];
export const SIZES: readonly Size[] = [B, H, W, DW];

export const mov = (dst: number, src: number): Insn => insn(0xbf, dst, src, 0, 0);
export const movImm = (dst: number, imm: number): Insn => insn(0xb7, dst, 0, 0, imm);
export const add = (dst: number, src: number): Insn => insn(0x0f, dst, src, 0, 0);
export const addImm = (dst: number, imm: number): Insn => insn(0x07, dst, 0, 0, imm);
export const andImm = (dst: number, imm: number): Insn => insn(0x57, dst, 0, 0, imm);
export const load = (size: Size, dst: number, src: number, off: number): Insn => insn(0x61 | size[0], dst, src, off, 0);
/** Sign-extending; not of eight bytes. */
export const loadSigned = (size: Size, dst: number, src: number, off: number): Insn =>
  insn(0x81 | size[0], dst, src, off, 0);
export const store = (size: Size, dst: number, off: number, src: number): Insn =>
  insn(0x63 | size[0], dst, src, off, 0);
export const storeImm = (size: Size, dst: number, off: number, imm: number): Insn =>
  insn(0x62 | size[0], dst, 0, off, imm);
export const atomic = (size: Size, dst: number, off: number, src: number, op: number): Insn =>
  insn(0xc3 | size[0], dst, src, off, op);
export const call = (helper: number): Insn => insn(0x85, 0, 0, 0, helper);
export const callKfunc = (id: number): Insn => insn(0x85, 0, 2, 0, id);
export const jeq = (dst: number, imm: number, off = 0): Insn => insn(0x15, dst, 0, off, imm);
export const jne = (dst: number, imm: number, off = 0): Insn => insn(0x55, dst, 0, off, imm);
export const ja = (off: number): Insn => insn(0x05, 0, 0, off, 0);
export const exit: Insn = insn(0x95, 0, 0, 0, 0);
/** Two slots: a map of the program, by index. */
export const loadMap = (dst: number, map: number): [Insn, Insn] => [insn(0x18, dst, 5, 0, map), insn(0, 0, 0, 0, 0)];
export const loadMapValue = (dst: number, map: number, off: number): [Insn, Insn] => [
  insn(0x18, dst, 6, 0, map),
  insn(0, 0, 0, 0, off),
];
export const loadImm64 = (dst: number, low: number, high: number): [Insn, Insn] => [
  insn(0x18, dst, 0, 0, low),
  insn(0, 0, 0, 0, high),
];

export const ALU_OPS: readonly number[] = [0x00, 0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70, 0x90, 0xa0, 0xb0, 0xc0];
export const JUMP_OPS: readonly number[] = [0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70, 0xa0, 0xb0, 0xc0, 0xd0];
/** Addition, or, and, xor, with and without the old value; exchange; compare and exchange; acquire; release. */
export const ATOMIC_OPS: readonly number[] = [0x00, 0x40, 0x50, 0xa0, 0x01, 0x41, 0x51, 0xa1, 0xe1, 0xf1, 0x100, 0x110];
