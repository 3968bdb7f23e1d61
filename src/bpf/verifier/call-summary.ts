// What a call reads, before types are known: how many arguments, and how many bytes of stack behind each
// (bpf_get_call_summary, bpf_helper_stack_access_bytes and bpf_kfunc_stack_access_bytes of kernel/bpf/verifier.c at v7.2).

import { BtfError } from "../btf/index.ts";
import type { Insn } from "../isa/index.ts";
import { isHelperCall, isKfuncCall, type Env } from "./env.ts";
import { helperProto } from "./helpers-proto.ts";
import { hasSuffix, kfuncMeta } from "./kfunc-meta.ts";
import { KF_ITER_NEW } from "./kfuncs.ts";

/** "Up to the end of the frame." */
export const ALL_BYTES: number = Number.POSITIVE_INFINITY;
const MAX_STACK = 512;
const DYNPTR_BYTES = 16;

/** Number of parameters of a helper or kfunc call; undefined when nothing is known. */
export function paramCount(env: Env, insn: Insn): number | undefined {
  if (isHelperCall(insn)) {
    if (!env.type.ops.get_func_proto(insn.imm)) return undefined;
    return helperProto(insn.imm)?.args.length;
  }
  return isKfuncCall(insn) ? kfuncMeta(env, insn)?.proto.params.length : undefined;
}

function mapBytes(env: Env, at: number, arg: number, key: boolean): number {
  const proto = helperProto(env.insns[at].imm);
  const mapArg = proto?.args.findIndex((spec, i) => i < arg && spec.kind === "map") ?? -1;
  const { mapMask, maps } = env.aux.known(at);
  if (mapArg >= 0 && mapMask & (1 << (mapArg + 1))) {
    const map = maps[mapArg + 1];
    if (map !== undefined) return key ? map.key_size : map.value_size;
  }
  const most = Math.max(0, ...env.usedMaps.map((map) => (key ? map.key_size : map.value_size)));
  return most === 0 ? ALL_BYTES : most;
}

function helperBytes(env: Env, at: number, arg: number): number {
  const insn = env.insns[at];
  const proto = env.type.ops.get_func_proto(insn.imm) ? helperProto(insn.imm) : undefined;
  const spec = proto?.args[arg];
  if (proto === undefined || spec === undefined) return ALL_BYTES;
  const signed = (bytes: number): number => (spec.uninit ? -bytes : bytes);
  const { constMask, values } = env.aux.known(at);
  switch (spec.kind) {
    case "key":
      return signed(mapBytes(env, at, arg, true));
    case "value": {
      const bytes = mapBytes(env, at, arg, false);
      return bytes === ALL_BYTES ? bytes : signed(bytes);
    }
    case "mem": {
      if (spec.size !== 0) return signed(spec.size);
      if (proto.args[arg + 1]?.kind !== "size") return ALL_BYTES;
      const reg = arg + 2;
      if (constMask & (1 << reg)) return signed(values[reg]);
      return spec.uninit ? 0 : MAX_STACK;
    }
    case "dynptr":
      return signed(DYNPTR_BYTES);
    case "stack":
      return 0;
    default:
      return ALL_BYTES;
  }
}

function kfuncBytes(env: Env, at: number, arg: number): number {
  const meta = kfuncMeta(env, env.insns[at]);
  if (meta === undefined) return ALL_BYTES;
  const param = meta.proto.params[arg];
  if (param === undefined) return 0;
  const { target } = env;
  const type = target.resolved(param.type);
  if (type.kind !== "PTR") return 0;
  const writes = (arg === 0 && (meta.flags & KF_ITER_NEW) !== 0) || hasSuffix(param, "__uninit");
  const signed = (bytes: number): number => (writes ? -bytes : bytes);
  const behind = target.resolved(type.type);
  if (behind.kind === "STRUCT" && behind.name === "bpf_dynptr") return signed(DYNPTR_BYTES);
  const next = meta.proto.params[arg + 1];
  if (hasSuffix(next, "__sz") || hasSuffix(next, "__szk")) {
    const { constMask, values } = env.aux.known(at);
    const reg = arg + 2;
    return constMask & (1 << reg) ? signed(values[reg]) : MAX_STACK;
  }
  try {
    return signed(target.sizeOf(type.type));
  } catch (error) {
    if (error instanceof BtfError) return ALL_BYTES;
    throw error;
  }
}

/**
 * Bytes of stack behind argument `arg` (0-based) of the call at `at`: positive when read, negative when only written, 0 when
 * the call does not touch it, ALL_BYTES when unknown.
 */
export function stackBytes(env: Env, at: number, arg: number): number {
  return isHelperCall(env.insns[at]) ? helperBytes(env, at, arg) : kfuncBytes(env, at, arg);
}
