// One BPF instruction slot, as `struct bpf_insn` of include/uapi/linux/bpf.h (RFC 9669 section 3):
//
//    63            32 31    16 15  12 11   8 7      0
//   |       imm      |   off  |  src |  dst |  code  |
//
// A 16-byte instruction (BPF_LD | BPF_IMM | BPF_DW) takes two slots, the second with code 0; slots are numbered as in the
// kernel, so jump offsets and instruction indices mean the same here as there.

/** One 8-byte slot. `off` is -32768..32767, `imm` is int32, the regs are 0..15 (the encoding's range). */
export interface Insn {
  readonly code: number;
  readonly dst_reg: number;
  readonly src_reg: number;
  readonly off: number;
  readonly imm: number;
}

/** The slot with these fields, in the order of `BPF_RAW_INSN` (tools/include/linux/filter.h). */
export const insn = (code: number, dst_reg: number, src_reg: number, off: number, imm: number): Insn => ({
  code,
  dst_reg,
  src_reg,
  off,
  imm,
});

/** Bytes in one slot. */
export const INSN_SIZE = 8;

/** `ld_imm64` sources (src_reg of BPF_LD | BPF_IMM | BPF_DW); include/uapi/linux/bpf.h. */
export const BPF_PSEUDO_MAP_FD = 1;
export const BPF_PSEUDO_MAP_VALUE = 2;
export const BPF_PSEUDO_BTF_ID = 3;
export const BPF_PSEUDO_FUNC = 4;
export const BPF_PSEUDO_MAP_IDX = 5;
export const BPF_PSEUDO_MAP_IDX_VALUE = 6;

/** Call kinds (src_reg of BPF_JMP | BPF_CALL); 0 is a helper by number. */
export const BPF_PSEUDO_CALL = 1;
export const BPF_PSEUDO_KFUNC_CALL = 2;
