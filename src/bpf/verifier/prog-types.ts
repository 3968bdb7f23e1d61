// Program types: what a program of each may read of its context, call and return, as descriptors. The ones here are enough
// for general code (socket filters, raw tracepoints, syscall programs); a struct_ops type comes from whoever implements it.

import type { AccessInfo, ContextField, VerifierOps } from "../struct-ops.ts";
import { BASE_HELPERS, RAW_TP_HELPERS, SOCKET_HELPERS, SYSCALL_HELPERS, TRACING_HELPERS } from "./helpers-proto.ts";
import {
  COMMON_KFUNCS,
  CPUMASK_KFUNCS,
  CRYPTO_KFUNCS,
  GENERIC_KFUNCS,
  SHARED_STRUCT_OPS_KFUNCS,
  SKB_KFUNCS,
  SYSCALL_KFUNCS,
  type KfuncRow,
} from "./kfuncs.ts";

/** BPF_PROG_TYPE_* of include/uapi/linux/bpf.h, those the verifier tells apart. */
export const BPF_PROG_TYPE_SOCKET_FILTER = 1;
export const BPF_PROG_TYPE_RAW_TRACEPOINT = 17;
export const BPF_PROG_TYPE_STRUCT_OPS = 27;
export const BPF_PROG_TYPE_SYSCALL = 31;

/** All the verifier is told about a type of program. */
export interface ProgramType {
  readonly name: string;
  /** BPF_PROG_TYPE_*. */
  readonly type: number;
  readonly ops: VerifierOps;
  readonly kfuncs: readonly KfuncRow[];
  /** Struct_ops: the struct and the member the program implements. */
  readonly attach?: { readonly struct: string; readonly member: string };
  /** Struct a global function takes as context argument; undefined for none. */
  readonly contextStruct?: string;
  /** What a parameter tagged `arg:ctx` may point to besides void and that struct. */
  readonly taggedContext?: "u64" | "any";
  /** Variable offsets into the context are allowed. */
  readonly variableContext?: boolean;
  /** A modified context pointer may be dereferenced. */
  readonly fixedContextOffset?: boolean;
  /** Frames of 64 bytes and more have a stack of their own (x86-64). */
  readonly privateStack?: boolean;
  /** BPF_LD_ABS and BPF_LD_IND are allowed. */
  readonly skbLoads?: boolean;
  /** Programs that run in any context: no spin locks in their maps. */
  readonly tracing?: boolean;
  /** Helpers that leave registers alone (bpf_fastcall) and that x86-64 inlines. */
  readonly fastcallHelpers?: readonly number[];
}

const scalarField: ContextField = { kind: "scalar" };

/** Words of struct __sk_buff a socket filter may read, whole or in part. */
const SKB_WORDS: ReadonlySet<number> = new Set([0, 4, 8, 12, 16, 20, 24, 28, 32, 36, 40, 44, 68, 84, 164, 176]);
/** cb[5], readable and writable in any size. */
const SKB_CB = 48;
const SKB_CB_END = 68;

/** `sk`, a pointer to struct bpf_sock. */
const SKB_SK = 168;

function skbAccess({ off, size, write }: AccessInfo): ContextField | undefined {
  if (off < 0 || off % size !== 0) return undefined;
  if (off >= SKB_CB && off < SKB_CB_END) return off + size <= SKB_CB_END ? scalarField : undefined;
  if (off === SKB_SK && size === 8 && !write) return { kind: "unmodelled", what: "a pointer to a socket" };
  return !write && size <= 4 && SKB_WORDS.has(off & ~3) ? scalarField : undefined;
}

function ops(helpers: readonly ReadonlySet<number>[], access: VerifierOps["is_valid_access"]): VerifierOps {
  return {
    get_func_proto: (id) => helpers.some((set) => set.has(id)),
    is_valid_access: access,
  };
}

const MAX_RAW_TP_ARGS = 12;
/** bpf_get_smp_processor_id() as tracing programs have it. The one all others have looks the same but is not inlined. */
const TRACING_FASTCALLS = [8];

/** `SEC("socket")` */
export const SOCKET_FILTER: ProgramType = {
  name: "socket_filter",
  type: BPF_PROG_TYPE_SOCKET_FILTER,
  ops: ops([BASE_HELPERS, SOCKET_HELPERS], skbAccess),
  kfuncs: [...COMMON_KFUNCS, ...SKB_KFUNCS],
  contextStruct: "__sk_buff",
  skbLoads: true,
};

/** `SEC("raw_tp")`: u64 arguments. */
export const RAW_TRACEPOINT: ProgramType = {
  name: "raw_tracepoint",
  type: BPF_PROG_TYPE_RAW_TRACEPOINT,
  ops: ops([BASE_HELPERS, TRACING_HELPERS, RAW_TP_HELPERS], ({ off, size, write }) =>
    !write && off >= 0 && off < MAX_RAW_TP_ARGS * 8 && off % size === 0 ? scalarField : undefined,
  ),
  kfuncs: [...COMMON_KFUNCS, ...GENERIC_KFUNCS, ...CPUMASK_KFUNCS],
  contextStruct: "bpf_raw_tracepoint_args",
  taggedContext: "u64",
  fixedContextOffset: true,
  privateStack: true,
  tracing: true,
  fastcallHelpers: TRACING_FASTCALLS,
};

/** `SEC("syscall")`: a context of up to 64 KiB of the caller's. */
export const SYSCALL: ProgramType = {
  name: "syscall",
  type: BPF_PROG_TYPE_SYSCALL,
  ops: ops([BASE_HELPERS, TRACING_HELPERS, SYSCALL_HELPERS], ({ off }) =>
    off >= 0 && off < 0xffff ? scalarField : undefined,
  ),
  kfuncs: [...COMMON_KFUNCS, ...GENERIC_KFUNCS, ...CPUMASK_KFUNCS, ...CRYPTO_KFUNCS, ...SYSCALL_KFUNCS],
  taggedContext: "any",
  variableContext: true,
  fixedContextOffset: true,
  fastcallHelpers: TRACING_FASTCALLS,
};

/** Kfuncs of every struct_ops program; the subsystem adds its own. */
export const STRUCT_OPS_KFUNCS: readonly KfuncRow[] = [
  ...COMMON_KFUNCS,
  ...GENERIC_KFUNCS,
  ...CPUMASK_KFUNCS,
  ...SHARED_STRUCT_OPS_KFUNCS,
];

/** The helpers every struct_ops program may call. */
export function isBaseHelper(id: number): boolean {
  return BASE_HELPERS.has(id);
}

const KNOWN: readonly ProgramType[] = [SOCKET_FILTER, RAW_TRACEPOINT, SYSCALL];

/** The descriptor of a BPF_PROG_TYPE_*, if it is one of those known here. */
export function programType(type: number): ProgramType | undefined {
  return KNOWN.find((known) => known.type === type);
}

/** The program type of one member of a struct_ops struct, from what its subsystem supplies. */
export function structOpsType(init: {
  /** Name of the struct, e.g. `io_uring_bpf_ops`, and of the member the program implements. */
  readonly struct: string;
  readonly member: string;
  readonly ops: VerifierOps;
  /** The subsystem's own kfuncs. */
  readonly kfuncs: readonly KfuncRow[];
}): ProgramType {
  return {
    name: `struct_ops/${init.struct}`,
    type: BPF_PROG_TYPE_STRUCT_OPS,
    ops: init.ops,
    kfuncs: [...STRUCT_OPS_KFUNCS, ...init.kfuncs],
    attach: { struct: init.struct, member: init.member },
    taggedContext: "u64",
    fixedContextOffset: true,
  };
}
