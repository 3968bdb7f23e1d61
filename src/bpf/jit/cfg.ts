// Control flow graph of one BPF function: the blocks reached by jumps from its first slot. A function is what control can
// reach, not a range of slots, so that unverified programs whose functions overlap still mean what they mean to the
// interpreter.

import { FLOW_COND, FLOW_EXIT, FLOW_FAULT, FLOW_GOTO, FLOW_NEXT, slotsOf, targetOf, type Effects } from "./effects.ts";
import { addNode, emptyUnit, NODE_CODE, NODE_OUTSIDE, type Unit } from "./unit.ts";

/** Work space shared by the functions of a program; one cell per slot, all zero between uses. */
export class CfgScratch {
  /** 1: visited; 2: starts a block. */
  readonly marks: Uint8Array;
  readonly nodeAt: Int32Array;

  constructor(slots: number) {
    this.marks = new Uint8Array(slots);
    this.nodeAt = new Int32Array(slots);
  }
}

const VISITED = 1;
const LEADER = 2;

// Slots that start a block, ascending.
function leadersOf(effects: Effects, entry: number, { marks }: CfgScratch): Int32Array {
  const { insns, rows, flow } = effects;
  const leaders: number[] = [];
  const work: number[] = [];
  const lead = (slot: number): void => {
    if (slot < 0 || slot >= insns.length || marks[slot] & LEADER) return;
    if (!(marks[slot] & VISITED)) work.push(slot);
    marks[slot] |= LEADER;
    leaders.push(slot);
  };
  lead(entry);
  while (work.length > 0) {
    let slot = work.pop()!;
    for (; slot < insns.length; slot += slotsOf(rows[slot])) {
      if (marks[slot] & VISITED) {
        lead(slot);
        break;
      }
      marks[slot] |= VISITED;
      const kind = flow[slot];
      if (kind === FLOW_GOTO || kind === FLOW_COND) lead(targetOf(insns[slot], rows[slot]!, slot));
      if (kind === FLOW_COND) lead(slot + 1);
      if (kind !== FLOW_NEXT) break;
    }
  }
  return Int32Array.from(leaders).sort();
}

/** The blocks reached from slot `entry`, which is node 0; the others follow in order of their slots. */
export function cfgOf(effects: Effects, entry: number, scratch: CfgScratch): Unit {
  const { insns, rows, flow } = effects;
  const { marks, nodeAt } = scratch;
  const leaders = leadersOf(effects, entry, scratch);
  const unit = emptyUnit();
  addNode(unit, NODE_CODE, entry, entry, []);
  nodeAt[entry] = 0;
  for (const slot of leaders) if (slot !== entry) nodeAt[slot] = addNode(unit, NODE_CODE, slot, slot, []);
  const nodeOf = (slot: number): number =>
    slot >= 0 && slot < insns.length ? nodeAt[slot] : addNode(unit, NODE_OUTSIDE, slot, slot, []);
  const visited: number[] = [];
  for (let node = 0, blocks = leaders.length; node < blocks; node++) {
    let slot = unit.first[node];
    let succ: number[] | undefined;
    while (succ === undefined) {
      visited.push(slot);
      const next = slot + slotsOf(rows[slot]);
      const kind = flow[slot];
      if (kind === FLOW_EXIT || kind === FLOW_FAULT) succ = [];
      else if (kind === FLOW_GOTO) succ = [nodeOf(targetOf(insns[slot], rows[slot]!, slot))];
      else if (kind === FLOW_COND) {
        const target = targetOf(insns[slot], rows[slot]!, slot);
        succ = [nodeOf(target), nodeOf(next)];
      } else if (next >= insns.length || marks[next] & LEADER) succ = [nodeOf(next)];
      slot = next;
    }
    unit.end[node] = slot;
    unit.succ[node] = succ;
    unit.cases[node] = succ.map(() => -1);
  }
  for (const slot of visited) marks[slot] = 0;
  return unit;
}
