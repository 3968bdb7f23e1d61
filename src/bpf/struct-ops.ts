// The seam between BPF and whoever is driven by it, in the shape of the kernel's own (struct bpf_struct_ops and struct
// bpf_verifier_ops, include/linux/bpf.h and bpf_verifier.h at v7.2). src/bpf knows the descriptor, src/loop fills one.

import type { Btf } from "./btf/index.ts";

/** What the verifier is told about one access to the context or to a typed kernel object. */
export interface AccessInfo {
  readonly off: number;
  readonly size: number;
  readonly write: boolean;
  readonly target: Btf;
}

/** What lies behind an allowed context access. */
export type ContextField =
  | { readonly kind: "scalar" }
  /** Linux allows it; what it yields is not modelled, so that the program is refused. */
  | { readonly kind: "unmodelled"; readonly what: string }
  /** A pointer to a kernel object of BTF type `btf_id` of the target, trusted as struct_ops arguments are. */
  | { readonly kind: "btf"; readonly btf_id: number; readonly trusted: boolean };

/** The callbacks through which a program type says what its programs may do. */
export interface VerifierOps {
  /** True when helper `func_id` may be called; its prototype is in the verifier's table. */
  get_func_proto(func_id: number): boolean;
  /** The field behind a context access, or undefined when it is refused. */
  is_valid_access(access: AccessInfo): ContextField | undefined;
  /** Whether a write to an object of struct `struct_name` is allowed; reads follow BTF. Without it, none is. */
  btf_struct_access?(struct_name: string, access: AccessInfo): boolean;
}

/** A struct_ops type: `io_uring_bpf_ops` and its like. Errors are negative errno, as in the kernel. */
export interface StructOps<Attached> {
  /** Name of the kernel struct. */
  readonly name: string;
  readonly verifier_ops: VerifierOps;
  /** Checks a data member's value; 0, 1 (handled) or a negative errno. */
  init_member(member: string, value: bigint): number;
  reg(attached: Attached): number;
  unreg(attached: Attached): void;
}
