// The built-in target: what Linux 7.2 has for a struct_ops program, in BTF. Kfuncs by prototype, the structs that loops
// commonly read, the io_uring ABI from the layouts the engines use. Made as it is asked for, because a verdict needs a few
// dozen of its types and is not to wait for the rest.

import { GrowingBtf, type Btf } from "../../bpf/btf/index.ts";
import { io_uring_cqe, io_uring_sqe, IOU_LOOP, IOU_REGION } from "../../uring/abi/index.ts";
import { DeclaredTypes, rowOf, type Declarations } from "./declared-types.ts";
import { IMPLICIT, KFUNCS } from "./kfuncs.ts";
import { STRUCTS } from "./structs.ts";
import { VARIABLES } from "./types.ts";

/** Linux 7.2, in declarations. */
export const LINUX: Declarations = {
  kfuncs: KFUNCS,
  functions: IMPLICIT,
  structs: { ...STRUCTS, io_uring_sqe: () => rowOf(io_uring_sqe), io_uring_cqe: () => rowOf(io_uring_cqe) },
  variables: VARIABLES,
  values: [IOU_LOOP, IOU_REGION],
};

let made: Btf | undefined;

/** Linux 7.2 as a target, without a kernel's BTF. One for all; its type ids are given in the order of asking. */
export function loopTargetBtf(): Btf {
  made ??= new GrowingBtf(new DeclaredTypes(LINUX));
  return made;
}
