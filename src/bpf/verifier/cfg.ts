// The control-flow graph: reachability, the places where paths meet, postorder, strongly connected components, and the
// order of the functions (kernel/bpf/cfg.c at v7.2). Back edges are allowed, as for any privileged program.

import {
  BPF_ABS,
  BPF_CALL,
  BPF_CLASS,
  BPF_EXIT,
  BPF_IND,
  BPF_JA,
  BPF_JCOND,
  BPF_JMP,
  BPF_JMP32,
  BPF_LD,
  BPF_MODE,
  BPF_OP,
  BPF_PSEUDO_FUNC,
  isLdImm64,
  type Insn,
} from "../isa/index.ts";
import { E2BIG, EINVAL, isHelperCall, isKfuncCall, isSubprogCall, type Env } from "./env.ts";
import { ASYNC_CALLBACK_HELPERS, helperNumber, helperProto, SYNC_CALLBACK_HELPERS } from "./helpers-proto.ts";
import { kfuncMeta } from "./kfunc-meta.ts";
import { KF_ITER_NEXT, KF_SLEEPABLE } from "./kfuncs.ts";
import { BPF_PROG_TYPE_STRUCT_OPS } from "./prog-types.ts";
import { isIndirectJump, jumpOffset } from "./resolve.ts";

const TAIL_CALL = helperNumber("tail_call");
const ASYNC_KFUNCS: ReadonlySet<string> = new Set([
  "bpf_wq_set_callback",
  "bpf_task_work_schedule_signal",
  "bpf_task_work_schedule_resume",
]);
const SYNC_KFUNCS: ReadonlySet<string> = new Set(["bpf_rbtree_add", "bpf_rbtree_add_impl"]);

export const isPseudoFunc = (insn: Insn): boolean => isLdImm64(insn) && insn.src_reg === BPF_PSEUDO_FUNC;

/** A call that calls back into the program before it returns. */
export function callsBackSync(env: Env, insn: Insn): boolean {
  return (
    (isHelperCall(insn) && SYNC_CALLBACK_HELPERS.has(insn.imm)) ||
    (isKfuncCall(insn) && SYNC_KFUNCS.has(env.kfuncName(insn.imm)))
  );
}

/** A call that has the program called back later. */
export function callsBackAsync(env: Env, insn: Insn): boolean {
  return (
    (isHelperCall(insn) && ASYNC_CALLBACK_HELPERS.has(insn.imm)) ||
    (isKfuncCall(insn) && ASYNC_KFUNCS.has(env.kfuncName(insn.imm)))
  );
}

export function isThrow(env: Env, insn: Insn): boolean {
  return isKfuncCall(insn) && insn.off === 0 && env.kfuncName(insn.imm) === "bpf_throw";
}

export function isMayGoto(insn: Insn): boolean {
  return insn.code === (BPF_JMP | BPF_JCOND) && insn.src_reg === 0;
}

const UNSEEN = 0;
const DISCOVERED = 0x10;
const FALLTHROUGH = 1;
const BRANCH = 2;
const EXPLORED = 0x20;

/** One depth-first walk over all instructions, calls included. */
class Walk {
  readonly env: Env;
  readonly state: Uint8Array;
  readonly stack: number[] = [];

  constructor(env: Env) {
    this.env = env;
    this.state = new Uint8Array(env.insns.length);
  }

  from(start: number): void {
    this.state[start] = DISCOVERED;
    this.stack.push(start);
    while (this.stack.length > 0) {
      const at = this.stack[this.stack.length - 1];
      if (this.visit(at)) continue;
      this.state[at] = EXPLORED;
      this.stack.pop();
    }
  }

  /** Follows an edge; true when its target is to be explored first. */
  follow(from: number, to: number, edge: number): boolean {
    const { env, state } = this;
    if (state[from] >= (DISCOVERED | edge)) return false;
    if (to < 0 || to >= env.insns.length) {
      env.traceLine(from, `${from}: `);
      env.reject(EINVAL, `jump out of range from insn ${from} to ${to}`);
    }
    if (edge === BRANCH) markJump(env, to);
    if (state[to] === UNSEEN) {
      state[from] = DISCOVERED | edge;
      state[to] = DISCOVERED;
      if (this.stack.length >= env.insns.length) env.reject(E2BIG, "the control flow is too complex");
      this.stack.push(to);
      return true;
    }
    if (state[to] === EXPLORED) state[from] = DISCOVERED | edge;
    return false;
  }

  /** A call or function address: the instruction behind it, then the callee. */
  call(at: number, intoCallee: boolean): boolean {
    const { env } = this;
    const size = isLdImm64(env.insns[at]) ? 2 : 1;
    if (this.follow(at, at + size, FALLTHROUGH)) return true;
    const next = env.aux[at + size];
    if (next !== undefined) next.prunePoint = next.jmpPoint = true;
    if (!intoCallee) return false;
    const target = at + env.insns[at].imm + 1;
    env.aux[at].prunePoint = true;
    const caller = env.subprogs[env.subprogOf(at)];
    const callee = env.subprogs[env.subprogOf(target)];
    caller.changesPacket ||= callee.changesPacket;
    caller.mightSleep ||= callee.mightSleep;
    caller.mightThrow ||= callee.mightThrow;
    return this.follow(at, target, BRANCH);
  }

  visit(at: number): boolean {
    const { env } = this;
    const insn = env.insns[at];
    const aux = env.aux[at];
    if (isPseudoFunc(insn)) return this.call(at, true);
    const kind = BPF_CLASS(insn.code);
    if (kind !== BPF_JMP && kind !== BPF_JMP32) {
      const mode = BPF_MODE(insn.code);
      if (kind === BPF_LD && (mode === BPF_ABS || mode === BPF_IND)) mayReturn(env, at);
      return this.follow(at, at + (isLdImm64(insn) ? 2 : 1), FALLTHROUGH);
    }
    switch (BPF_OP(insn.code)) {
      case BPF_EXIT:
        return false;
      case BPF_CALL:
        markCall(env, at, insn);
        return this.call(at, isSubprogCall(insn));
      case BPF_JA: {
        if (isIndirectJump(insn)) env.notModelled("an indirect jump");
        const target = at + jumpOffset(insn) + 1;
        if (this.follow(at, target, FALLTHROUGH)) return true;
        markJump(env, target);
        return false;
      }
      default:
        aux.prunePoint = true;
        if (isMayGoto(insn)) aux.forceCheckpoint = true;
        return this.follow(at, at + 1, FALLTHROUGH) || this.follow(at, at + insn.off + 1, BRANCH);
    }
  }
}

function markJump(env: Env, target: number): void {
  const aux = env.aux[target];
  aux.prunePoint = aux.jmpPoint = aux.jumpTarget = true;
}

/** An instruction that may end its function as well as fall through. */
function mayReturn(env: Env, at: number): void {
  env.aux[at].extraSuccessors ??= [at + 1, env.subprogs[env.subprogOf(at)].exitInsn];
}

function markCall(env: Env, at: number, insn: Insn): void {
  const aux = env.aux[at];
  const sub = env.subprogs[env.subprogOf(at)];
  if (callsBackAsync(env, insn)) aux.prunePoint = true;
  if (callsBackSync(env, insn)) aux.callsCallback = aux.forceCheckpoint = aux.prunePoint = aux.jmpPoint = true;
  if (isHelperCall(insn)) {
    // The operations of a struct_ops type are looked up after this pass: Linux knows no prototype here, and so lets a global
    // function that calls a sleeping helper be called where nothing may sleep.
    const known = env.type.type !== BPF_PROG_TYPE_STRUCT_OPS && env.type.ops.get_func_proto(insn.imm);
    if (known && helperProto(insn.imm)?.mightSleep) sub.mightSleep = true;
    if (insn.imm === TAIL_CALL) {
      sub.changesPacket = true;
      mayReturn(env, at);
    }
  } else if (isKfuncCall(insn)) {
    const meta = kfuncMeta(env, insn);
    if (meta === undefined) return;
    if (meta.flags & KF_ITER_NEXT) aux.prunePoint = aux.forceCheckpoint = true;
    if (meta.flags & KF_SLEEPABLE) sub.mightSleep = true;
    if (isThrow(env, insn)) sub.mightThrow = true;
  }
}

/** Every instruction is reachable and none lies inside another. */
export function checkCfg(env: Env): void {
  const walk = new Walk(env);
  walk.from(0);
  const exception = env.exceptionCallback === 0 ? 0 : env.subprogs[env.exceptionCallback].start;
  if (exception !== 0 && walk.state[exception] !== EXPLORED) walk.from(exception);
  for (let i = 0; i < env.insns.length; i++) {
    if (walk.state[i] !== EXPLORED) env.reject(EINVAL, `unreachable insn ${i}`);
    if (!isLdImm64(env.insns[i])) continue;
    if (walk.state[i + 1] !== UNSEEN) env.reject(EINVAL, `jump into the middle of ldimm64 insn ${i}`);
    i++;
  }
}

/** Instructions that may follow inside the function; a call's is the one behind it. */
export function successors(env: Env, at: number): readonly number[] {
  const extra = env.aux[at].extraSuccessors;
  if (extra !== undefined) return extra;
  const insn = env.insns[at];
  const kind = BPF_CLASS(insn.code);
  if (kind !== BPF_JMP && kind !== BPF_JMP32) return [at + (isLdImm64(insn) ? 2 : 1)];
  const op = BPF_OP(insn.code);
  if (op === BPF_EXIT) return [];
  if (op === BPF_CALL) return [at + 1];
  const target = at + jumpOffset(insn) + 1;
  return op === BPF_JA ? [target] : [at + 1, target];
}

/** Fills `env.postorder`, function by function. */
export function computePostorder(env: Env): void {
  const seen = new Uint8Array(env.insns.length);
  const order: number[] = [];
  for (const sub of env.subprogs) {
    sub.postorderStart = order.length;
    const stack = [sub.start];
    while (stack.length > 0) {
      const at = stack[stack.length - 1];
      if (seen[at] === 2) {
        order.push(at);
        stack.pop();
        continue;
      }
      for (const next of successors(env, at)) {
        if (seen[next] !== 0) continue;
        seen[next] = 1;
        stack.push(next);
      }
      seen[at] = 2;
    }
  }
  env.postorder = order;
}

/** Range of a function in the postorder. */
export function postorderOf(env: Env, index: number): readonly [number, number] {
  return [env.subprogs[index].postorderStart, env.subprogs[index + 1]?.postorderStart ?? env.postorder.length];
}

/** Orders the functions, callees first; direct recursion is refused. */
export function sortSubprogs(env: Env): void {
  const color = new Uint8Array(env.subprogs.length);
  const order: number[] = [];
  const nextCallee = (from: number): number => {
    const [start, end] = postorderOf(env, from);
    for (let p = start; p < end; p++) {
      const at = env.postorder[p];
      const insn = env.insns[at];
      if (!isSubprogCall(insn) && !isPseudoFunc(insn)) continue;
      const callee = env.subprogAt(at + insn.imm + 1);
      if (color[callee] === 2) continue;
      if (color[callee] === 1) {
        if (isPseudoFunc(insn)) continue;
        env.reject(EINVAL, `recursive call from ${env.subprogs[from].name}() to ${env.subprogs[callee].name}()`);
      }
      return callee;
    }
    return -1;
  };
  for (let i = 0; i < env.subprogs.length; i++) {
    if (color[i]) continue;
    color[i] = 1;
    const stack = [i];
    while (stack.length > 0) {
      const at = stack[stack.length - 1];
      const callee = nextCallee(at);
      if (callee >= 0) {
        color[callee] = 1;
        stack.push(callee);
        continue;
      }
      color[at] = 2;
      order.push(at);
      stack.pop();
    }
  }
  env.topoOrder = order;
  env.detail(() => order.map((sub, i) => `topo_order[${i}] = ${env.subprogs[sub].name}\n`).join(""));
}

/** Numbers the loops: instructions of one strongly connected component share a number (Tarjan, without recursion). */
export function computeScc(env: Env): void {
  const count = env.insns.length;
  const pre = new Uint32Array(count);
  const low = new Uint32Array(count);
  const open: number[] = [];
  const NONE = 0xffff_ffff;
  let nextNumber = 1;
  let nextScc = 1;
  const close = (at: number): void => {
    const alone = open[open.length - 1] === at;
    const isLoop = !alone || successors(env, at).includes(at) || env.aux[at].callsCallback;
    let member;
    do {
      member = open.pop()!;
      low[member] = NONE;
      if (isLoop) env.aux[member].scc = nextScc;
    } while (member !== at);
    if (isLoop) nextScc++;
  };
  for (let i = 0; i < count; i++) {
    if (pre[i] !== 0) continue;
    const walk = [i];
    while (walk.length > 0) {
      const at = walk[walk.length - 1];
      if (pre[at] === 0) {
        low[at] = pre[at] = nextNumber++;
        open.push(at);
      }
      let deeper = false;
      for (const next of successors(env, at)) {
        if (next >= count) continue;
        if (pre[next] !== 0) {
          low[at] = Math.min(low[at], low[next]);
        } else {
          walk.push(next);
          deeper = true;
          break;
        }
      }
      if (deeper) continue;
      if (low[at] >= pre[at]) close(at);
      walk.pop();
    }
  }
}
