// Calls after which clang restores what it kept on the stack (the bpf_fastcall attribute). Where Linux inlines the call and
// nothing else uses those slots, it takes the spills and fills out, and the function needs less stack
// (mark_fastcall_pattern_for_call and check_fastcall_stack_contract of kernel/bpf/verifier.c, bpf_remove_fastcall_spills_fills
// of kernel/bpf/fixups.c at v7.2).

import { BPF_DW, BPF_LDX, BPF_MEM, BPF_REG_10, BPF_STX, type Insn } from "../isa/index.ts";
import { paramCount } from "./call-summary.ts";
import { isHelperCall, isKfuncCall, type Env, type SubprogInfo } from "./env.ts";
import { helperProto } from "./helpers-proto.ts";
import { JUMP_TARGET } from "./insn-aux.ts";
import { kfuncMeta } from "./kfunc-meta.ts";
import { KF_FASTCALL } from "./kfuncs.ts";

const SPILL = BPF_STX | BPF_MEM | BPF_DW;
const FILL = BPF_LDX | BPF_MEM | BPF_DW;
/** r0 to r5, as bits. */
const CALLER_SAVED = 0x3f;
const CALLER_SAVED_COUNT = 6;
/** Below every offset: no access can break a contract that is not there. */
const NO_CONTRACT = -0x8000;

function isVoid(env: Env, call: Insn): boolean {
  return isHelperCall(call) ? helperProto(call.imm)?.ret === "void" : kfuncMeta(env, call)?.proto.type === 0;
}

function isFastcall(env: Env, call: Insn): boolean {
  if (isHelperCall(call)) return env.type.fastcallHelpers?.includes(call.imm) ?? false;
  return ((kfuncMeta(env, call)?.flags ?? 0) & KF_FASTCALL) !== 0;
}

/** How many spills before the call at `at` have their fills behind it, the innermost at `lowest`. */
function countPairs(env: Env, at: number, lowest: number, params: number): number {
  const { insns, aux } = env;
  let expected = CALLER_SAVED & ~((2 << params) - (isVoid(env, insns[at]) ? 2 : 1));
  let pairs = 0;
  while (pairs < CALLER_SAVED_COUNT) {
    const stx = insns[at - pairs - 1] as Insn | undefined;
    const ldx = insns[at + pairs + 1] as Insn | undefined;
    if (stx === undefined || ldx === undefined) break;
    if (aux.has(at - pairs, JUMP_TARGET) || aux.has(at + pairs + 1, JUMP_TARGET)) break;
    if (stx.code !== SPILL || ldx.code !== FILL || stx.dst_reg !== BPF_REG_10 || ldx.src_reg !== BPF_REG_10) break;
    const off = lowest + 8 * pairs;
    if (stx.src_reg !== ldx.dst_reg || stx.off !== off || ldx.off !== off) break;
    if ((expected & (1 << stx.src_reg)) === 0) break;
    expected &= ~(1 << stx.src_reg);
    pairs++;
  }
  return pairs;
}

function markCall(env: Env, sub: SubprogInfo, at: number, lowest: number): void {
  const params = paramCount(env, env.insns[at]);
  if (params === undefined) return;
  const pairs = countPairs(env, at, lowest, params);
  if (pairs === 0) return;
  for (let i = 1; i <= pairs; i++) env.aux.fastcallPattern.add(at - i).add(at + i);
  if (isFastcall(env, env.insns[at])) env.aux.fastcallCalls.add(at);
  else sub.keepFastcallStack = true;
  sub.fastcallStackOff = Math.min(sub.fastcallStackOff, lowest + 8 * pairs);
}

/** Finds the spills and fills around calls, by their form alone. */
export function markFastcallPatterns(env: Env): void {
  env.subprogs.forEach((sub, index) => {
    const end = env.subprogEnd(index);
    let lowest = 0;
    const calls: number[] = [];
    for (let at = sub.start; at < end; at++) {
      const insn = env.insns[at];
      if (insn.code === SPILL && insn.dst_reg === BPF_REG_10) lowest = Math.min(lowest, insn.off);
      else if (isHelperCall(insn) || isKfuncCall(insn)) calls.push(at);
    }
    if (lowest < 0) for (const at of calls) markCall(env, sub, at, lowest);
  });
}

/** An access to the stack of function `subprog`, `off` bytes from its frame pointer at least: slots of spills are theirs alone. */
export function keepFastcallContract(env: Env, subprog: number, off: number): void {
  const { aux } = env;
  const sub = env.subprogs[subprog];
  if (sub.fastcallStackOff <= off || aux.fastcallPattern.has(env.insnIdx) || aux.fastcallPattern.size === 0) return;
  sub.fastcallStackOff = NO_CONTRACT;
  const end = env.subprogEnd(subprog);
  for (const marks of [aux.fastcallPattern, aux.fastcallCalls]) {
    for (const at of marks) if (at >= sub.start && at < end) marks.delete(at);
  }
}

/** Takes out what is spilled around calls Linux inlines, and the stack it needed. */
export function removeFastcallSpills(env: Env): void {
  for (const at of env.aux.fastcallCalls) {
    const sub = env.subprogs[env.subprogOf(at)];
    if (!sub.keepFastcallStack) sub.stackDepth = -sub.fastcallStackOff;
  }
}
