// What the interpreter, the JIT and their hosts agree on: memory segments, functions a program may call, an executable,
// the plain-data facts of a fault, and the image: everything needed to run, as plain data that crosses threads.

import type { LineInfo, Subprog } from "../object/index.ts";
import type { Insn } from "../isa/index.ts";

/** A piece of the VM's memory a program may touch: [start, end), addresses are offsets into the WebAssembly.Memory. */
export interface Segment {
  readonly name: string;
  readonly start: number;
  readonly end: number;
  readonly writable: boolean;
}

/** How a value crosses into a callee: "i32" as a JS number (its low 32 bits), "i64" as a bigint. */
export type ValueType = "i32" | "i64";

/**
 * A helper or kfunc implemented on the host. Results of "i32" are sign-extended into r0 when `signed`, else zero-extended;
 * "void" leaves r0 0. Prefer i32: it crosses the WebAssembly border in a quarter of the time.
 */
export interface Callee {
  readonly name: string;
  readonly params: readonly ValueType[];
  readonly result: ValueType | "void";
  readonly signed?: boolean;
  readonly call: (...args: never[]) => number | bigint | void;
  /**
   * All it does, where that is no more: for (r1, r2, r3) as u32 the `value` of the row with that `first` and `second` whose
   * `atMost` is not below r3, else 0. The JIT writes it out in place of a call; `call` must agree.
   */
  readonly table?: readonly TableRow[] | undefined;
}

/** See Callee.table. */
export interface TableRow {
  readonly first: number;
  readonly second: number;
  readonly atMost: number;
  readonly value: number;
}

/** A loaded program. */
export interface Executable {
  /** Runs it with r1 = `ctx` (an address) and r2 = `arg2` (0 when absent); the low 32 bits of r0, signed. Throws VmFault. */
  run(ctx: number, arg2?: number): number;
  /**
   * Up to `limit` runs in a row, each counted in memory, where it was compiled for that (Repeat of ../jit): the result of the
   * last one. Throws VmFault.
   */
  readonly repeat?: ((ctx: number, limit: number) => number) | undefined;
  /** r0 of the last run, 64 bits unsigned. */
  readonly r0: bigint;
}

/**
 * Why a program was stopped. `memory`: an access outside its segments; `code`: an illegal or missing instruction; `steps`:
 * the instruction budget is used up; `aborted`: another thread raised the abort flag.
 */
export type FaultKind = "memory" | "code" | "call-depth" | "helper" | "steps" | "aborted";

/** A fault as plain data; can cross a thread boundary, and is made a VmFault where the program's text is at hand. */
export interface FaultFacts {
  readonly kind: FaultKind;
  /** Index of the faulting slot. */
  readonly insn: number;
  /** Address and size of the access, for `memory`; the address is 64 bits unsigned. */
  readonly address?: bigint;
  readonly size?: number;
  readonly write?: boolean;
  readonly detail?: string;
}

/** A map placed in linear memory. Addresses are offsets into the WebAssembly.Memory; `handle` is what programs hold. */
export interface MapImage {
  readonly name: string;
  readonly kind: "map" | "rodata" | "data" | "bss";
  /** BPF_MAP_TYPE_*. */
  readonly type: number;
  readonly key_size: number;
  readonly value_size: number;
  readonly max_entries: number;
  readonly map_flags: number;
  readonly btf_key_type_id: number;
  readonly btf_value_type_id: number;
  /** Programs may only read it. */
  readonly frozen: boolean;
  /** Address of its header (map-layout.ts): the value of a map pointer. Not memory a program may touch. */
  readonly handle: number;
  /** Address of value 0, 8-byte aligned; values lie `stride` apart. */
  readonly values: number;
  readonly stride: number;
  /** Hash maps: power-of-two number of chains; u32 heads, u32 nexts, then keys `keyStride` apart. 0 otherwise. */
  readonly chains: number;
  readonly heads: number;
  readonly nexts: number;
  readonly keys: number;
  readonly keyStride: number;
}

/** A program ready to run: structured-cloneable, so that the thread that prepared it need not be the one that runs it. */
export interface VmImage {
  readonly memory: WebAssembly.Memory;
  readonly name: string;
  /**
   * The program's slots. Map loads are plain 64-bit loads of a handle or an address; a function reference is one of
   * CODE_TAG in the high word and the function's first slot in the low one; other BPF_PSEUDO_* loads are gone.
   */
  readonly insns: readonly Insn[];
  readonly subprogs: readonly Subprog[];
  /** First slots of all functions, ascending, with those that only callbacks reach. */
  readonly starts: readonly number[];
  readonly lines: readonly LineInfo[];
  /** In the order of the program's map indices. */
  readonly maps: readonly MapImage[];
  /** Lowest address of the stack and the end of it: FRAME_LIMIT frames of MAX_BPF_STACK, the first one uppermost. */
  readonly stack: { readonly start: number; readonly end: number };
  /** Names of the kfuncs it calls, by the imm of the call. */
  readonly kfuncs: Readonly<Record<number, string>>;
}

/** What a program sees of the world around it. Everything has a default; hosts override what they know better. */
export interface VmEnv {
  /** Kfuncs by name. Those of the VM itself (iterators, RCU and preemption) need not be given. */
  readonly kfuncs?: Readonly<Record<string, Callee>>;
  /** Helpers by number that the host implements itself, in place of the VM's. */
  readonly helpers?: Readonly<Record<number, Callee>>;
  /** Takes each line of bpf_printk, without a final newline. */
  readonly printk?: (text: string) => void;
  /** Seed of bpf_get_prandom_u32; drawn at random when absent. */
  readonly seed?: number;
  /** CLOCK_MONOTONIC in nanoseconds; the platform's performance clock when absent. */
  readonly ktimeNs?: () => bigint;
  /** CLOCK_BOOTTIME in nanoseconds; ktimeNs when absent. */
  readonly bootNs?: () => bigint;
  /** What bpf_get_current_pid_tgid, ..._uid_gid and ..._comm tell; 0 and "loopstep" when absent. */
  readonly task?: {
    readonly pid: number;
    readonly tgid: number;
    readonly uid: number;
    readonly gid: number;
    readonly comm: string;
  };
  /** Ends a run with a `steps` fault after about this many instructions (checked at back-edges and calls). */
  readonly maxInsns?: number;
}
