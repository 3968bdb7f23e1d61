// What opening an object yields, and what resolving it against a target yields. The first is pure and the same on every
// machine; the second is what the interpreter, the JIT, the verifier and the kernel loader all start from.

import type { Btf } from "../btf/index.ts";
import type { Insn } from "../isa/index.ts";

/** A map an object defines. Data sections (.rodata, .bss, .data) are array maps of one entry, as libbpf makes them. */
export interface MapSpec {
  /** As the kernel shows it; that of a data section begins with the object's: `nops.bss`. */
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
  /** True for .rodata, and .kconfig once filled in: the program may only read it, and the verifier knows its contents. */
  readonly frozen: boolean;
  /** The ELF section: `.maps`, `.bss`, `.rodata.str1.1`. */
  readonly section?: string;
  /** Offset of its definition in .maps. */
  readonly section_offset?: number;
  /** More of a .maps definition, where given: NUMA node, pinning (1 = by name), map_extra. */
  readonly numa_node?: number;
  readonly pinning?: number;
  readonly map_extra?: bigint;
  /** Globals of an arena, and where in it they lie, bytes. */
  readonly arena_data?: { readonly offset: number; readonly bytes: Uint8Array };
  /** Template of the inner maps of a map of maps. */
  readonly inner?: Omit<MapSpec, "inner">;
  /** Names of the maps or programs that fill the slots (`.values = {...}`), undefined for empty ones. */
  readonly values?: readonly (string | undefined)[];
}

/** A program of an object, before it is resolved. */
export interface ProgramSpec {
  readonly name: string;
  /** ELF section, without a leading `?`. */
  readonly section: string;
  /** BPF_PROG_TYPE_*; 0 when the section's name is not known. */
  readonly type: number;
  readonly sleepable: boolean;
  /** False when the section's name begins with `?`: loaded only when something refers to it. */
  readonly autoload: boolean;
  /** Number of slots, subprograms not counted. */
  readonly insn_cnt: number;
  /** BTF FUNC id in the object's BTF; 0 when unknown. */
  readonly type_id: number;
}

/** A struct_ops map: a variable in .struct_ops or .struct_ops.link. */
export interface StructOpsSpec {
  /** Name of the variable. */
  readonly name: string;
  readonly section: string;
  /** Name and BTF id (in the object) of the struct: `io_uring_bpf_ops`. */
  readonly type_name: string;
  readonly type_id: number;
  /** The struct's bytes in the object's layout, function pointers zero. */
  readonly initial: Uint8Array;
  /** Program by function-pointer member; members not set are absent. */
  readonly programs: Readonly<Record<string, string>>;
  /** In .struct_ops.link: attached through a bpf_link. */
  readonly link: boolean;
  /** False when the section's name begins with `?`. */
  readonly autocreate: boolean;
}

/** A struct_ops map in the layout of the target, as it is given to the kernel or to a host of it. */
export interface ResolvedStructOps {
  readonly name: string;
  readonly type_name: string;
  /** BTF id of the struct in the target. */
  readonly type_id: number;
  /** Members in the target's layout; function pointers zero. */
  readonly data: Uint8Array;
  /** Function-pointer members that are set: byte offset and index in the target's struct, and the program. */
  readonly programs: readonly {
    readonly member: string;
    readonly index: number;
    readonly offset: number;
    readonly program: string;
  }[];
  readonly link: boolean;
}

/** A function or variable an object expects of the kernel. */
export interface ExternSpec {
  readonly name: string;
  readonly kind: "func" | "var";
  /** May be missing. */
  readonly weak: boolean;
  /** BTF FUNC or VAR in the object. */
  readonly type_id: number;
}

/**
 * What an instruction refers to. `map` and `data`: the map `target`, `offset` into its value; `call` and `func`: the
 * function at byte `offset` of section `target`; `kfunc`: a call of extern `target`; `ksym`: the address of extern `target`.
 */
export interface Relocation {
  readonly kind: "map" | "data" | "call" | "func" | "kfunc" | "ksym";
  /** ELF section and index of the slot in it. */
  readonly section: string;
  readonly insn: number;
  readonly symbol: string;
  readonly target: string;
  readonly offset: number;
  /** Index of the map, for `map` and `data`. */
  readonly map?: number;
}

/** A global variable. */
export interface GlobalSpec {
  readonly name: string;
  readonly section: string;
  /** Index of its map. */
  readonly map: number;
  /** Offset in the section and size, bytes. */
  readonly offset: number;
  readonly size: number;
  /** Its type in the object's BTF, and the same as C text. */
  readonly type_id: number;
  readonly type: string;
  /** In .rodata: fixed once the object is loaded. */
  readonly constant: boolean;
  /** Linkage static: not visible to other objects. */
  readonly local: boolean;
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
