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
import {
  CALLS_CALLBACK,
  FORCE_CHECKPOINT,
  JMP_POINT,
  JUMP_TARGET,
  MAY_RETURN,
  NOWHERE,
  PRUNE_POINT,
} from "./insn-aux.ts";
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
    if (at + size < env.insns.length) env.aux.mark(at + size, PRUNE_POINT | JMP_POINT);
    if (!intoCallee) return false;
    const target = at + env.insns[at].imm + 1;
    env.aux.mark(at, PRUNE_POINT);
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
    if (isPseudoFunc(insn)) return this.call(at, true);
    const kind = BPF_CLASS(insn.code);
    if (kind !== BPF_JMP && kind !== BPF_JMP32) {
      const mode = BPF_MODE(insn.code);
      if (kind === BPF_LD && (mode === BPF_ABS || mode === BPF_IND)) env.aux.mark(at, MAY_RETURN);
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
        env.aux.mark(at, isMayGoto(insn) ? PRUNE_POINT | FORCE_CHECKPOINT : PRUNE_POINT);
        return this.follow(at, at + 1, FALLTHROUGH) || this.follow(at, at + insn.off + 1, BRANCH);
    }
  }
}

function markJump(env: Env, target: number): void {
  env.aux.mark(target, PRUNE_POINT | JMP_POINT | JUMP_TARGET);
}

function markCall(env: Env, at: number, insn: Insn): void {
  const { aux } = env;
  const sub = env.subprogs[env.subprogOf(at)];
  if (callsBackAsync(env, insn)) aux.mark(at, PRUNE_POINT);
  if (callsBackSync(env, insn)) aux.mark(at, CALLS_CALLBACK | FORCE_CHECKPOINT | PRUNE_POINT | JMP_POINT);
  if (isHelperCall(insn)) {
    // The operations of a struct_ops type are looked up after this pass: Linux knows no prototype here, and so lets a global
    // function that calls a sleeping helper be called where nothing may sleep.
    const known = env.type.type !== BPF_PROG_TYPE_STRUCT_OPS && env.type.ops.get_func_proto(insn.imm);
    if (known && helperProto(insn.imm)?.mightSleep) sub.mightSleep = true;
    if (insn.imm === TAIL_CALL) {
      sub.changesPacket = true;
      env.aux.mark(at, MAY_RETURN);
    }
  } else if (isKfuncCall(insn)) {
    const meta = kfuncMeta(env, insn);
    if (meta === undefined) return;
    if (meta.flags & KF_ITER_NEXT) aux.mark(at, PRUNE_POINT | FORCE_CHECKPOINT);
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

/** Fills `next` and `branch` of every instruction. */
function findSuccessors(env: Env): void {
  const { marks, next, branch } = env.aux;
  const { insns } = env;
  for (let at = 0; at < insns.length; at++) {
    const insn = insns[at];
    const kind = BPF_CLASS(insn.code);
    const op = BPF_OP(insn.code);
    next[at] = at + 1;
    branch[at] = NOWHERE;
    if (marks[at] & MAY_RETURN) {
      branch[at] = env.subprogs[env.subprogOf(at)].exitInsn;
    } else if (kind !== BPF_JMP && kind !== BPF_JMP32) {
      if (isLdImm64(insn)) next[at] = at + 2;
    } else if (op === BPF_EXIT) {
      next[at] = NOWHERE;
    } else if (op === BPF_JA) {
      next[at] = at + jumpOffset(insn) + 1;
    } else if (op !== BPF_CALL) {
      branch[at] = at + jumpOffset(insn) + 1;
    }
  }
}

/** Fills `env.postorder`, function by function, and the successors of every instruction. */
export function computePostorder(env: Env): void {
  findSuccessors(env);
  const { next, branch } = env.aux;
  const count = env.insns.length;
  const seen = new Uint8Array(count);
  const order = new Int32Array(count);
  const stack = new Int32Array(count);
  let length = 0;
  let depth = 0;
  const push = (at: number): void => {
    if (at === NOWHERE || at >= count || seen[at] !== 0) return;
    seen[at] = 1;
    stack[depth++] = at;
  };
  for (const sub of env.subprogs) {
    sub.postorderStart = length;
    seen[sub.start] = 1;
    stack[depth++] = sub.start;
    while (depth > 0) {
      const at = stack[depth - 1];
      if (seen[at] === 2) {
        order[length++] = at;
        depth--;
        continue;
      }
      seen[at] = 2;
      push(next[at]);
      push(branch[at]);
    }
  }
  env.postorder = order.subarray(0, length);
  env.hasLoops = goesBack(env);
}

/** Whether some edge leads to an instruction that comes no later in the postorder: then a pass against it has to be repeated. */
function goesBack({ postorder, aux: { next, branch } }: Env): boolean {
  const rank = new Int32Array(next.length);
  for (let p = 0; p < postorder.length; p++) rank[postorder[p]] = p;
  for (let p = 0; p < postorder.length; p++) {
    const at = postorder[p];
    if (next[at] !== NOWHERE && rank[next[at]] >= p) return true;
    if (branch[at] !== NOWHERE && rank[branch[at]] >= p) return true;
  }
  return false;
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
  const { next, branch, scc } = env.aux;
  const count = env.insns.length;
  const pre = new Uint32Array(count);
  const low = new Uint32Array(count);
  const open = new Int32Array(count);
  const walk = new Int32Array(count);
  const NONE = 0xffff_ffff;
  let nextNumber = 1;
  let nextScc = 1;
  let opened = 0;
  let depth = 0;
  const close = (at: number): void => {
    const alone = open[opened - 1] === at;
    const isLoop = !alone || next[at] === at || branch[at] === at || env.aux.has(at, CALLS_CALLBACK);
    let member;
    do {
      member = open[--opened];
      low[member] = NONE;
      if (isLoop) scc[member] = nextScc;
    } while (member !== at);
    if (isLoop) nextScc++;
  };
  /** Whether `to` must be walked before `at` is done. */
  const follow = (at: number, to: number): boolean => {
    if (to === NOWHERE || to >= count) return false;
    if (pre[to] === 0) return true;
    if (low[to] < low[at]) low[at] = low[to];
    return false;
  };
  for (let i = 0; i < count; i++) {
    if (pre[i] !== 0) continue;
    walk[depth++] = i;
    while (depth > 0) {
      const at = walk[depth - 1];
      if (pre[at] === 0) {
        low[at] = pre[at] = nextNumber++;
        open[opened++] = at;
      }
      if (follow(at, next[at])) walk[depth++] = next[at];
      else if (follow(at, branch[at])) walk[depth++] = branch[at];
      else {
        if (low[at] >= pre[at]) close(at);
        depth--;
      }
    }
  }
}
