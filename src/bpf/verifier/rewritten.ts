// What is checked last, of the program as it is loaded: without the instructions never walked. A function whose address is
// taken but which is never called back goes away whole, and the reference then points at whatever follows; where that is no
// function Linux gives up (bpf_opt_remove_dead_code, bpf_fixup_call_args and jit_subprogs of kernel/bpf/fixups.c at v7.2).

import { isPseudoFunc } from "./cfg.ts";
import { EFAULT, EINVAL, isSubprogCall, type Env } from "./env.ts";
import { SEEN } from "./insn-aux.ts";

/** A run of instructions never walked. */
interface Gap {
  readonly from: number;
  readonly to: number;
}

function gaps(env: Env): Gap[] {
  const found: Gap[] = [];
  const count = env.insns.length;
  for (let at = 0; at < count; at++) {
    if (env.aux.has(at, SEEN)) continue;
    const from = at;
    while (at < count && !env.aux.has(at, SEEN)) at++;
    found.push({ from, to: at });
  }
  return found;
}

/** Where a reference to `target` points once the gaps are closed, one after the other. */
function moved(target: number, closed: readonly Gap[]): number {
  let gone = 0;
  let to = target;
  for (const gap of closed) {
    const size = gap.to - gap.from;
    if (to >= gap.to - gone) to -= size;
    gone += size;
  }
  return to;
}

/** Takes out the functions never walked; where the others begin afterwards. */
function removeFunctions(env: Env, closed: readonly Gap[]): ReadonlySet<number> {
  const starts = new Set<number>();
  env.subprogs.forEach((sub, index) => {
    const end = env.subprogEnd(index);
    let first = sub.start;
    while (first < end && !env.aux.has(first, SEEN)) first++;
    if (first === end) sub.removed = true;
    else starts.add(moved(first, closed));
  });
  return starts;
}

/** Arguments stored for calls must be what some call takes. */
function checkStackArgsWritten(env: Env): void {
  const kept = env.subprogs.filter((sub) => !sub.removed);
  kept.forEach((sub, index) => {
    const needed = sub.stackArgCount - sub.inStackArgs;
    if (sub.stackArgsWritten <= needed) return;
    const written = sub.stackArgsWritten;
    env.reject(EINVAL, `func#${index} writes ${written} stack arg slots, but calls only require ${needed}`);
  });
}

function checkReferences(env: Env, closed: readonly Gap[], starts: ReadonlySet<number>): void {
  // where something is thrown and nothing catches it, the kernel appends a function that does
  const appended = env.seenException && env.exceptionCallback === 0 ? 1 : 0;
  // a program of one function is not looked at again
  if (closed.length === 0 || starts.size + appended <= 1) return;
  for (let at = 0; at < env.insns.length; at++) {
    const insn = env.insns[at];
    if (!env.aux.has(at, SEEN) || (!isPseudoFunc(insn) && !isSubprogCall(insn))) continue;
    if (starts.has(moved(at + insn.imm + 1, closed))) continue;
    env.reject(EFAULT, `verifier bug: No program to jit at insn ${moved(at, closed)} (subprog < 0)`);
  }
}

/** Refuses what only the rewriting of an otherwise good program finds. */
export function checkRewritten(env: Env): void {
  const closed = gaps(env);
  const starts = removeFunctions(env, closed);
  checkStackArgsWritten(env);
  checkReferences(env, closed, starts);
}
