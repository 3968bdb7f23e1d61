// A kfunc as a call site sees it: its prototype from the target's BTF, its flags from the table, and what the names of its
// parameters promise (`__sz`, `__k`, `__nullable` ...: Documentation/bpf/kfuncs.rst at v7.2).

import { BtfError, type BtfFuncProto, type BtfParam } from "../btf/index.ts";
import type { Insn } from "../isa/index.ts";
import { EINVAL, isKfuncCall, type Env } from "./env.ts";
import { DEVICE_KFUNCS, KF_IMPLICIT_ARGS, type KfuncMeta } from "./kfuncs.ts";

/** The prototype behind FUNC `id`, or undefined. */
function protoOf(env: Env, id: number): BtfFuncProto | undefined {
  try {
    const func = env.target.type(id);
    if (func.kind !== "FUNC") return undefined;
    const proto = env.target.type(func.type);
    return proto.kind === "FUNC_PROTO" ? proto : undefined;
  } catch (error) {
    if (error instanceof BtfError) return undefined;
    throw error;
  }
}

/** The kfunc behind a call, or undefined when programs of this type may not call it. */
export function kfuncMeta(env: Env, insn: Insn): KfuncMeta | undefined {
  if (!isKfuncCall(insn) || insn.off !== 0 || insn.imm <= 0 || insn.imm >= env.target.nrTypes) return undefined;
  let meta = env.kfuncMetas.get(insn.imm);
  if (meta === undefined) {
    meta = findMeta(env, insn.imm) ?? null;
    env.kfuncMetas.set(insn.imm, meta);
  }
  return meta ?? undefined;
}

function findMeta(env: Env, id: number): KfuncMeta | undefined {
  const name = env.kfuncName(id);
  const row = env.kfuncs.get(name);
  if (row === undefined) return undefined;
  const declared = protoOf(env, id);
  if (declared === undefined) return undefined;
  let proto: BtfFuncProto | undefined = declared;
  if (row.flags & KF_IMPLICIT_ARGS) {
    const impl = env.target.findByName(`${name}_impl`, "FUNC");
    proto = impl === undefined ? undefined : protoOf(env, impl);
    if (proto === undefined) return undefined;
  }
  return { id, name, flags: row.flags, proto, explicitArgs: declared.params.length };
}

/** Checks that a kfunc call names a function of the target (fetch_kfunc_meta). */
export function checkKfuncId(env: Env, insn: Insn): void {
  if (insn.imm <= 0) env.reject(EINVAL, `invalid kernel function btf_id ${insn.imm}`);
  if (insn.off !== 0) {
    if (insn.off < 0) env.say("negative offset disallowed for kernel module function call\n");
    else env.say("kfunc offset > 0 without fd_array is invalid\n");
    env.reject(EINVAL, "failed to find BTF for kernel function");
  }
  if (insn.imm >= env.target.nrTypes || env.target.kind(insn.imm) !== "FUNC") {
    env.reject(EINVAL, `kernel btf_id ${insn.imm} is not a function`);
  }
  if (protoOf(env, insn.imm) === undefined) {
    env.reject(EINVAL, `kernel function btf_id ${insn.imm} does not have a valid func_proto`);
  }
  if (DEVICE_KFUNCS.has(env.kfuncName(insn.imm))) {
    env.reject(EINVAL, "metadata kfuncs require device-bound program");
  }
}

/** Whether the parameter's name ends in `suffix` (and is longer). */
export function hasSuffix(param: BtfParam | undefined, suffix: string): boolean {
  return param !== undefined && param.name.length > suffix.length && param.name.endsWith(suffix);
}
