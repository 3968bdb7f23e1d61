// Unrolls counted loops of one block. As long as a multiple of the step is left, several turns run with one test at their
// end: a guard before them compares the counter with the limit less the turns to come. What remains runs in the loop as it
// was. WebAssembly engines cannot drop the tests in between, nor the look at their interrupt flag in every turn.

import type { Effects } from "./effects.ts";
import { addNode, NODE_CODE, NODE_GUARD, type Guard, type Unit } from "./unit.ts";

/** Turns in one go, by the most slots a block has. Longer ones stay as they are: their tests cost little beside the rest. */
const TURNS: readonly (readonly [slots: number, turns: number])[] = [
  [8, 8],
  [24, 4],
];
/** A step beyond this could carry the counter around. */
const MOST_STEP = 1 << 20;

/** The comparison that keeps the loop going, when it is the jump that leaves it. */
const OPPOSITE: Readonly<Record<string, string>> = {
  jeq: "jne",
  jge: "jlt",
  jle: "jgt",
  jne: "jeq",
  jlt: "jge",
  jgt: "jle",
};
/** The same comparison with its operands exchanged. */
const EXCHANGED: Readonly<Record<string, string>> = { jne: "jne", jlt: "jgt", jgt: "jlt" };

// What the counter goes up (or down) by in each turn; undefined unless one addition of a constant is all that writes it.
function stepOf(
  unit: Unit,
  node: number,
  { insns, rows, writes }: Effects,
  reg: number,
  width: number,
): number | undefined {
  let step: number | undefined;
  for (let slot = unit.first[node]; slot < unit.end[node]; slot++) {
    if (!(writes[slot] & (1 << reg))) continue;
    const row = rows[slot]!;
    if (step !== undefined || row.op !== "add" || row.source !== "K" || row.width !== width) return undefined;
    step = insns[slot].imm;
  }
  return step;
}

function writesReg(unit: Unit, node: number, { writes }: Effects, reg: number): boolean {
  for (let slot = unit.first[node]; slot < unit.end[node]; slot++) if (writes[slot] & (1 << reg)) return true;
  return false;
}

function hasCall(unit: Unit, node: number, { rows }: Effects): boolean {
  for (let slot = unit.first[node]; slot < unit.end[node]; slot++) {
    const op = rows[slot]?.op;
    if (op === "call" || op === "callx") return true;
  }
  return false;
}

// The guard under which `turns` turns need no test between them.
function guardOf(unit: Unit, node: number, turns: number, effects: Effects): Guard | undefined {
  const jump = unit.end[node] - 1;
  const row = effects.rows[jump];
  const { dst_reg, src_reg, imm } = effects.insns[jump];
  if (row === undefined || (row.format !== "jump_k" && row.format !== "jump_x")) return undefined;
  const going = unit.succ[node][0] === node ? row.op : OPPOSITE[row.op];
  const wide = row.width === 64;
  const candidates: [counter: number, limit: number, op: string | undefined][] =
    row.source === "K"
      ? [[dst_reg, -1, going]]
      : [
          [dst_reg, src_reg, going],
          [src_reg, dst_reg, going && EXCHANGED[going]],
        ];
  for (const [counter, limit, op] of candidates) {
    const step = stepOf(unit, node, effects, counter, row.width);
    if (step === undefined || step === 0 || Math.abs(step) > MOST_STEP || counter === 10 || limit === counter) continue;
    const ahead = (turns - 1) * Math.abs(step);
    const up = step > 0;
    if (op !== "jne" && op !== (up ? "jlt" : "jgt")) continue;
    if (limit === -1) {
      const bound = up ? imm - ahead : imm + ahead;
      if (imm >= 0 && bound >= 0 && bound <= 0x7fff_ffff) return { counter, limit, bound, ahead, up, wide };
    } else if (up && limit !== 10 && !writesReg(unit, node, effects, limit))
      return { counter, limit, bound: 0, ahead, up, wide };
  }
  return undefined;
}

function unroll(unit: Unit, node: number, turns: number, guard: Guard, preds: readonly number[]): void {
  const entry = addNode(unit, NODE_GUARD, 0, 0, []);
  unit.guards.set(entry, guard);
  for (const from of preds) {
    if (from === node) continue;
    for (const [edge, target] of unit.succ[from].entries()) if (target === node) unit.succ[from][edge] = entry;
  }
  const copies = Array.from({ length: turns }, () => addNode(unit, NODE_CODE, unit.first[node], unit.end[node], []));
  const link = (copy: number, succ: number[]): void => {
    unit.succ[copy] = succ;
    unit.cases[copy] = succ.map(() => -1);
  };
  link(entry, [copies[0], node]);
  for (const [i, copy] of copies.entries()) {
    link(copy, i + 1 < turns ? [copies[i + 1]] : unit.succ[node].map((target) => (target === node ? entry : target)));
  }
}

/** Unrolls the counted loops of a unit. */
export function unrollCountedLoops(unit: Unit, effects: Effects): void {
  const count = unit.kind.length;
  const preds: number[][] = Array.from({ length: count }, () => []);
  for (const [from, list] of unit.succ.entries()) for (const to of list) preds[to].push(from);
  for (let node = 1; node < count; node++) {
    const slots = unit.end[node] - unit.first[node];
    const list = unit.succ[node];
    const turns = TURNS.find(([most]) => slots <= most)?.[1];
    if (unit.kind[node] !== NODE_CODE || turns === undefined || list.length !== 2) continue;
    if ((list[0] === node) === (list[1] === node) || unit.foldFirst[node] !== unit.foldEnd[node]) continue;
    if (hasCall(unit, node, effects)) continue;
    const guard = guardOf(unit, node, turns, effects);
    if (guard !== undefined) unroll(unit, node, turns, guard, preds[node]);
  }
}
