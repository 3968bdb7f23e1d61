// Where pointers that are dereferenced or handed on may point: most only at the start of what they point to
// (__check_ptr_off_reg and check_func_arg_reg_off of kernel/bpf/verifier.c at v7.2).

import { EACCES, EINVAL, type Env } from "./env.ts";
import { tnumText } from "./log.ts";
import {
  MEM_ALLOC,
  MEM_RCU,
  MEM_RDONLY,
  MEM_RINGBUF,
  NON_OWN_REF,
  PTR_TO_ARENA,
  PTR_TO_BTF_ID,
  PTR_TO_CTX,
  PTR_TO_MAP_KEY,
  PTR_TO_MAP_VALUE,
  PTR_TO_MEM,
  PTR_TO_STACK,
  PTR_TRUSTED,
  SCALAR_VALUE,
  typeName,
  type Reg,
} from "./reg-state.ts";
import { isZero, toSigned } from "./u64.ts";

/** A pointer that must be dereferenced where it points, or at a fixed offset if that is allowed. */
export function checkFixedOffset(env: Env, reg: Reg, name: string, fixedOk: boolean): void {
  const { range } = reg;
  if (!range.isConst) {
    env.reject(EACCES, `variable ${typeName(reg.type)} access var_off=${tnumText(range.bits)} disallowed`);
  }
  const value = toSigned(range.value);
  if (value < 0n) env.reject(EACCES, `negative offset ${typeName(reg.type)} ptr ${name} off=${value} disallowed`);
  if (!fixedOk && value !== 0n) {
    env.reject(EACCES, `dereference of modified ${typeName(reg.type)} ptr ${name} off=${value} disallowed`);
  }
}

/**
 * Pointers given away, and kinds other than plain memory, must point at the start of their object; with `atStart` pointers to
 * kernel objects too.
 */
export function checkArgOffset(
  env: Env,
  spec: { readonly kind: string; readonly release: boolean; readonly atStart?: boolean },
  reg: Reg,
  name: string,
): void {
  if (spec.release) {
    if (spec.kind === "dynptr" && reg.type === PTR_TO_STACK) return;
    if (!reg.range.isConst || !isZero(reg.range.value)) {
      env.reject(EINVAL, `${name} must have zero offset when passed to release func or trusted arg to kfunc`);
    }
  }
  switch (reg.type) {
    case PTR_TO_STACK:
    case PTR_TO_MAP_KEY:
    case PTR_TO_MAP_VALUE:
    case PTR_TO_MEM:
    case PTR_TO_MEM | MEM_RDONLY:
    case PTR_TO_MEM | MEM_RINGBUF:
    case PTR_TO_ARENA:
    case SCALAR_VALUE:
      return;
    case PTR_TO_BTF_ID:
    case PTR_TO_BTF_ID | MEM_ALLOC:
    case PTR_TO_BTF_ID | PTR_TRUSTED:
    case PTR_TO_BTF_ID | MEM_RCU:
    case PTR_TO_BTF_ID | MEM_ALLOC | NON_OWN_REF:
    case PTR_TO_BTF_ID | MEM_ALLOC | NON_OWN_REF | MEM_RCU:
      return checkFixedOffset(env, reg, name, spec.atStart !== true);
    case PTR_TO_CTX:
      if (spec.kind !== "ctx" && env.type.variableContext) return;
      break;
    default:
  }
  return checkFixedOffset(env, reg, name, false);
}
