// The stack of the deepest call chain (check_max_stack_depth of kernel/bpf/verifier.c at v7.2), and what later rewrites add
// to each function's own (kernel/bpf/fixups.c).

import { isMayGoto, isPseudoFunc, isThrow } from "./cfg.ts";
import { E2BIG, EACCES, EINVAL, isKfuncCall, isSubprogCall, type Env } from "./env.ts";
import { MAX_CALL_FRAMES } from "./states.ts";

const MAX_STACK = 512;
const TAIL_CALL_STACK = 256;
/** Frames of a JITed program are rounded up to that. */
const FRAME_ALIGN = 16;
const PRIVATE_STACK_MIN = 64;

interface Chain {
  readonly subprog: number;
  readonly frame: number;
  readonly depth: number;
  at: number;
  readonly tail: boolean;
}

function roundUp(bytes: number): number {
  return Math.ceil(bytes / FRAME_ALIGN) * FRAME_ALIGN;
}

/** Whether a function keeps a stack of its own. */
function isPrivate(env: Env, subprog: number, allowed: boolean): boolean {
  const sub = env.subprogs[subprog];
  return allowed && sub.stackArgCount === 0 && roundUp(sub.stackDepth) >= PRIVATE_STACK_MIN;
}

function enter(env: Env, chain: readonly Chain[], subprog: number, depth: number, priv: boolean): number {
  const sub = env.subprogs[subprog];
  if (sub.hasLdAbs && chain.some((link) => env.subprogs[link.subprog].isCallback)) {
    env.reject(EINVAL, "cannot use BPF_LD_[ABS|IND] within callback");
  }
  if (subprog !== 0 && sub.hasTailCall && depth >= TAIL_CALL_STACK) {
    env.reject(EACCES, `tail_calls are not allowed when call stack of previous frames is ${depth} bytes. Too large`);
  }
  const own = roundUp(sub.stackDepth);
  if (isPrivate(env, subprog, priv)) {
    env.maxStackDepth = Math.max(env.maxStackDepth, own);
    if (own > MAX_STACK) env.reject(EACCES, `stack size of subprog ${subprog} is ${own}. Too large`);
    return depth;
  }
  const total = depth + own;
  env.maxStackDepth = Math.max(env.maxStackDepth, total);
  if (total > MAX_STACK) {
    env.reject(EACCES, `combined stack size of ${chain.length + 1} calls is ${total}. Too large`);
  }
  return total;
}

function walk(env: Env, root: number, priv: boolean): void {
  const chain: Chain[] = [];
  const depth = enter(env, chain, root, 0, priv);
  chain.push({ subprog: root, frame: 0, depth, at: env.subprogs[root].start, tail: env.subprogs[root].hasTailCall });
  while (chain.length > 0) {
    const top = chain[chain.length - 1];
    const next = nextCallee(env, chain, top);
    if (next >= 0) {
      const frame = env.subprogs[next].global ? 0 : top.frame + 1;
      if (frame >= MAX_CALL_FRAMES) env.reject(E2BIG, `the call stack of ${frame} frames is too deep !`);
      const total = enter(env, chain, next, top.depth, priv);
      chain.push({
        subprog: next,
        frame,
        depth: total,
        at: env.subprogs[next].start,
        tail: env.subprogs[next].hasTailCall,
      });
      continue;
    }
    if (top.tail) {
      for (const link of chain) {
        const sub = env.subprogs[link.subprog];
        if (sub.isExceptionCallback) env.reject(EINVAL, "cannot tail call within exception cb");
        if (sub.stackArgCount > 0) env.reject(EINVAL, "tail_calls are not allowed in programs with stack args");
        sub.tailCallReachable = true;
      }
    }
    chain.pop();
  }
}

/** The next function `top` calls or takes the address of, or -1 at its end. */
function nextCallee(env: Env, chain: readonly Chain[], top: Chain): number {
  const end = env.subprogEnd(top.subprog);
  for (; top.at < end; top.at++) {
    const insn = env.insns[top.at];
    if (isKfuncCall(insn) && insn.off === 0) {
      if (isThrow(env, insn) && chain.some((link) => env.subprogs[link.subprog].isCallback)) {
        env.reject(EINVAL, `bpf_throw kfunc (insn ${top.at}) cannot be called from callback subprog ${top.subprog}`);
      }
      continue;
    }
    if (!isSubprogCall(insn) && !isPseudoFunc(insn)) continue;
    const callee = env.subprogAt(top.at + insn.imm + 1);
    const sub = env.subprogs[callee];
    if (sub.isAsyncCallback) {
      if (!isSubprogCall(insn)) continue;
      if (sub.isExceptionCallback) env.reject(EINVAL, `insn ${top.at} cannot call exception cb directly`);
    }
    top.at++;
    return callee;
  }
  return -1;
}

/** Refuses call chains that need more stack than there is. */
export function checkMaxStackDepth(env: Env): void {
  const priv = (env.type.privateStack ?? false) && !env.subprogs.some((sub) => sub.hasTailCall);
  for (let i = env.subprogs.length - 1; i >= 0; i--) {
    if (i === 0 || env.subprogs[i].isAsyncCallback) walk(env, i, i === 0 && priv);
  }
}

const LOOP_SPILLS = 24;
const TIMED_MAY_GOTO = 16;

/** What the rewrites after the checks add: stack for the spills around inlined bpf_loop() calls and for may_goto's timer. */
export function addRewrites(env: Env): void {
  env.subprogs.forEach((sub, index) => {
    const end = env.subprogEnd(index);
    let loop = false;
    let goto = false;
    for (let i = sub.start; i < end; i++) {
      if ((env.aux.loopCallbacks.get(i) ?? -1) >= 0) loop = true;
      // one that goes to the next instruction is taken out
      if (isMayGoto(env.insns[i]) && env.insns[i].off !== 0) goto = true;
    }
    if (loop) sub.stackDepth += LOOP_SPILLS;
    if (goto) sub.stackDepth += TIMED_MAY_GOTO;
  });
}

/** `8+0 max 16` */
export function stackDepthText(env: Env): string {
  return `${env.subprogs.flatMap((sub) => (sub.removed ? [] : [sub.stackDepth])).join("+")} max ${env.maxStackDepth}`;
}
