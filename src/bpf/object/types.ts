// What opening an object yields, and what resolving it against a target yields. The first is pure and the same on every
// machine; the second is what the interpreter, the JIT, the verifier and the kernel loader all start from.

import type { Btf } from "../btf/index.ts";
import type { Insn } from "../isa/index.ts";

/** A map an object defines. Data sections (.rodata, .bss, .data) are array maps of one entry, as libbpf makes them. */
export interface MapSpec {
  readonly name: string;
  /** Where it comes from: a .maps definition or a data section. */
  readonly kind: "map" | "rodata" | "data" | "bss";
  /** BPF_MAP_TYPE_* of include/uapi/linux/bpf.h. */
  readonly type: number;
  readonly key_size: number;
  readonly value_size: number;
  readonly max_entries: number;
  /** BPF_F_* flags. */
  readonly map_flags: number;
  /** BTF ids in the object's BTF; 0 when unknown. For data sections the value type is the DATASEC. */
  readonly btf_key_type_id: number;
  readonly btf_value_type_id: number;
  /** Initial value of a data section; absent for .maps. */
  readonly initial?: Uint8Array;
  /** True for .rodata: the program may only read it, and the verifier knows its contents. */
  readonly frozen: boolean;
}

/** A function of a resolved program, the program's own entry first. */
export interface Subprog {
  readonly name: string;
  /** Index of its first slot. */
  readonly start: number;
  /** Global linkage: checked on its own by the verifier. */
  readonly global: boolean;
  /** BTF FUNC id in the object's BTF; 0 when unknown. */
  readonly type_id: number;
}

/** One line of source behind an instruction (struct bpf_line_info, decoded). */
export interface LineInfo {
  /** Index of the first slot it covers. */
  readonly insn: number;
  readonly file: string;
  /** The text of the source line, as the compiler stored it. */
  readonly text: string;
  readonly line: number;
  readonly column: number;
}

/**
 * A program ready for an engine: one instruction array with the subprograms it calls appended, all relocations applied.
 * Map references are BPF_PSEUDO_MAP_IDX and BPF_PSEUDO_MAP_IDX_VALUE with an index into `maps` (imm of the first slot; imm
 * of the second slot is the offset into the value), kfunc calls are BPF_PSEUDO_KFUNC_CALL with a BTF id of `target`,
 * callbacks are BPF_PSEUDO_FUNC and calls BPF_PSEUDO_CALL with slot-relative offsets, as the kernel takes them.
 */
export interface ResolvedProgram {
  readonly name: string;
  /** ELF section, e.g. `struct_ops.s/nops`. */
  readonly section: string;
  /** BPF_PROG_TYPE_*. */
  readonly type: number;
  readonly sleepable: boolean;
  readonly license: string;
  readonly insns: readonly Insn[];
  readonly subprogs: readonly Subprog[];
  readonly lines: readonly LineInfo[];
  readonly maps: readonly MapSpec[];
  /** The object's own BTF. */
  readonly btf: Btf;
  /** BTF of the system it was resolved against. */
  readonly target: Btf;
}
