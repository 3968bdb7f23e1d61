// What the interpreter, the JIT and their hosts agree on: memory segments, functions a program may call, an executable,
// and the plain-data facts of a fault.

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
}

/** A loaded program. */
export interface Executable {
  /** Runs it with r1 = `ctx` (an address); the low 32 bits of r0, signed. Throws VmFault. */
  run(ctx: number): number;
  /** r0 of the last run, 64 bits unsigned. */
  readonly r0: bigint;
}

/** Why a program was stopped. `memory`: an access outside its segments; `code`: an illegal or missing instruction. */
export type FaultKind = "memory" | "code" | "call-depth" | "helper" | "steps";

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
