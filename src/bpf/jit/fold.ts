// Turns small branches back into what compilers made them from. BPF has no conditional move: where the source (or LLVM) chose
// between two values, clang writes a jump over a few moves. WebAssembly has `select`, and a mispredicted jump costs more than
// many moves.

import { FLOW_COND, FLOW_GOTO, slotsOf, type Effects } from "./effects.ts";
import { NODE_CODE, type Unit } from "./unit.ts";

/** More moves than this are left a branch. */
const MOST_MOVES = 4;

function isMoves(unit: Unit, node: number, { rows, flow }: Effects): boolean {
  let moves = 0;
  for (let slot = unit.first[node]; slot < unit.end[node]; slot += slotsOf(rows[slot])) {
    const row = rows[slot];
    if (flow[slot] !== 0 || row?.op !== "mov" || ++moves > MOST_MOVES)
      return row?.op === "ja" && moves > 0 && slot + 1 === unit.end[node];
  }
  return moves > 0;
}

/**
 * Folds each node that only moves, is reached only by the jump before it, and goes on to where that jump leads, into the node
 * with the jump. Nodes keep their numbers; what is folded is no longer reachable, and `compact` takes it out.
 */
export function foldSelects(unit: Unit, effects: Effects): void {
  const { rows, flow } = effects;
  const count = unit.kind.length;
  const preds = new Int32Array(count);
  for (const list of unit.succ) for (const target of list) preds[target]++;
  for (let node = 0; node < count; node++) {
    if (unit.kind[node] !== NODE_CODE || unit.end[node] === unit.first[node]) continue;
    const jump = unit.end[node] - 1;
    const [taken, next] = unit.succ[node];
    if (flow[jump] !== FLOW_COND || rows[jump]!.op === "may_goto" || taken === next) continue;
    if (taken === undefined || next === undefined || next === 0 || preds[next] !== 1 || unit.kind[next] !== NODE_CODE)
      continue;
    if (unit.succ[next].length !== 1 || unit.succ[next][0] !== taken || unit.foldFirst[next] !== unit.foldEnd[next])
      continue;
    if (!isMoves(unit, next, effects)) continue;
    unit.foldFirst[node] = unit.first[next]!;
    unit.foldEnd[node] = unit.end[next]!;
    unit.succ[node] = [taken];
    unit.cases[node] = [-1];
    preds[taken]--;
    unit.succ[next] = [];
    unit.cases[next] = [];
    preds[next] = 0;
  }
}

/** Leads edges to nodes that only jump on to where these lead; such nodes become unreachable, for `compact` to take out. */
export function threadJumps(unit: Unit, { flow }: Effects): void {
  const isJump = (node: number): boolean => {
    const slot = unit.first[node];
    return unit.kind[node] === NODE_CODE && unit.end[node] === slot + 1 && flow[slot] === FLOW_GOTO;
  };
  // Where each node leads, found once; a circle of jumps leads to the jump it was entered at.
  const lead = new Int32Array(unit.kind.length).fill(-1);
  const follow = (node: number): number => {
    const path: number[] = [];
    let at = node;
    while (lead[at] === -1 && isJump(at)) {
      lead[at] = at;
      path.push(at);
      at = unit.succ[at][0]!;
    }
    const end = lead[at] === -1 ? at : lead[at];
    for (const step of path) lead[step] = end;
    return end;
  };
  for (const list of unit.succ) for (const [edge, target] of list.entries()) list[edge] = follow(target);
}

/** Takes unreachable nodes out and numbers the others anew, in their order. */
export function compact(unit: Unit): void {
  const count = unit.kind.length;
  const seen = new Uint8Array(count);
  const work = [0];
  seen[0] = 1;
  while (work.length > 0) {
    for (const target of unit.succ[work.pop()!]) {
      if (seen[target]) continue;
      seen[target] = 1;
      work.push(target);
    }
  }
  const number = new Int32Array(count);
  let kept = 0;
  for (let node = 0; node < count; node++) {
    if (!seen[node]) continue;
    number[node] = kept;
    for (const list of [unit.kind, unit.first, unit.end, unit.foldFirst, unit.foldEnd]) list[kept] = list[node]!;
    unit.succ[kept] = unit.succ[node]!;
    unit.cases[kept] = unit.cases[node]!;
    kept++;
  }
  for (const list of [unit.kind, unit.first, unit.end, unit.foldFirst, unit.foldEnd, unit.succ, unit.cases])
    list.length = kept;
  for (let node = 0; node < kept; node++) unit.succ[node] = unit.succ[node].map((target) => number[target]);
}
