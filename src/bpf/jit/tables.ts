// Turns trees of comparisons back into what compilers made them from. BPF has no jump table: for a `switch` clang writes
// comparisons of one register with constants, one after the other. WebAssembly has br_table, one jump for all of them.

import { FLOW_COND, slotsOf, type Effects } from "./effects.ts";
import { addNode, hasFold, NODE_CODE, NODE_TABLE, type Unit } from "./unit.ts";

/** Fewer comparisons are left as they are. */
const LEAST_TESTS = 3;
/** V8 makes comparisons of a table with fewer cases. */
const LEAST_CASES = 5;
const MOST_CASES = 64;
/** Slots a comparison inside the tree may have before it: they are copied for each case that comes by. */
const MOST_BEFORE = 2;
const SIGN = 0x8000_0000;
const TOP = 0xffff_ffff;

const HOLDS: Readonly<Record<string, (a: number, b: number) => boolean>> = {
  jeq: (a, b) => a === b,
  jne: (a, b) => a !== b,
  jgt: (a, b) => a > b,
  jge: (a, b) => a >= b,
  jlt: (a, b) => a < b,
  jle: (a, b) => a <= b,
  jsgt: (a, b) => (a | 0) > (b | 0),
  jsge: (a, b) => (a | 0) >= (b | 0),
  jslt: (a, b) => (a | 0) < (b | 0),
  jsle: (a, b) => (a | 0) <= (b | 0),
};

// The comparisons of one register with constants that are reached from a first one through nothing else.
class Tree {
  readonly #unit: Unit;
  readonly #effects: Effects;
  readonly #root: number;
  /** Nodes of the tree. */
  readonly tests = new Set<number>();
  readonly constants: number[] = [];
  /** Copies of what lies before comparisons, by comparison and where they lead. */
  readonly #copies = new Map<string, number>();

  constructor(unit: Unit, effects: Effects, root: number) {
    this.#unit = unit;
    this.#effects = effects;
    this.#root = root;
    this.tests.add(root);
    for (const node of this.tests) {
      this.constants.push(effects.insns[unit.end[node] - 1].imm >>> 0);
      for (const next of testsAfter(unit, effects, node)) if (this.tests.size < MOST_CASES) this.tests.add(next);
    }
  }

  /** The node control goes to with this value, or -1 when it never comes out. */
  leafOf(value: number): number {
    const path: number[] = [];
    let node = this.#root;
    while (this.tests.has(node)) {
      if (path.length === this.tests.size) return -1;
      path.push(node);
      const slot = this.#unit.end[node] - 1;
      const [taken, next] = this.#unit.succ[node];
      node = HOLDS[this.#effects.rows[slot]!.op](value, this.#effects.insns[slot].imm >>> 0) ? taken : next;
    }
    return path.slice(1).reduceRight((to, test) => this.#before(test, to), node);
  }

  // What lies before a comparison, then on to `to`.
  #before(test: number, to: number): number {
    const { first, end } = this.#unit;
    if (end[test] - first[test] === 1) return to;
    const key = `${test} ${to}`;
    let copy = this.#copies.get(key);
    if (copy === undefined)
      this.#copies.set(key, (copy = addNode(this.#unit, NODE_CODE, first[test], end[test] - 1, [to])));
    return copy;
  }

  /** The one node all values from `low` on lead to, or -1. */
  commonLeaf(low: number): number {
    const leaf = this.leafOf(low);
    const points = this.constants.flatMap((constant) => [constant - 1, constant, constant + 1]);
    const others = [SIGN - 1, SIGN, TOP, ...points.filter((point) => point > low && point <= TOP)];
    return others.every((value) => this.leafOf(value) === leaf) ? leaf : -1;
  }
}

function comparesConstant(unit: Unit, { rows, flow }: Effects, node: number): boolean {
  if (unit.kind[node] !== NODE_CODE || unit.end[node] === unit.first[node] || hasFold(unit, node)) return false;
  const slot = unit.end[node] - 1;
  const row = rows[slot];
  return (
    flow[slot] === FLOW_COND &&
    unit.succ[node].length === 2 &&
    row!.width === 32 &&
    row!.source === "K" &&
    HOLDS[row!.op] !== undefined
  );
}

// The successors of a comparison that compare the same value again.
function testsAfter(unit: Unit, effects: Effects, node: number): number[] {
  const { first, end } = unit;
  const { insns, rows, writes } = effects;
  const reg = insns[end[node] - 1].dst_reg;
  return unit.succ[node].filter((target) => {
    if (end[target] - first[target] > MOST_BEFORE + 1 || !comparesConstant(unit, effects, target)) return false;
    for (let slot = first[target]; slot < end[target]; slot += slotsOf(rows[slot]))
      if (writes[slot] & (1 << reg)) return false;
    return insns[end[target] - 1].dst_reg === reg;
  });
}

/**
 * Puts tables before trees of comparisons; false when there are none. Values beyond a table are compared as they were, unless
 * they all lead to one place. Edges must not set the state local.
 */
export function formTables(unit: Unit, effects: Effects): boolean {
  const tests = unit.kind.flatMap((_, node) => (comparesConstant(unit, effects, node) ? [node] : []));
  const inner = new Set(tests.flatMap((node) => testsAfter(unit, effects, node)));
  for (const node of tests) {
    if (inner.has(node)) continue;
    const tree = new Tree(unit, effects, node);
    if (tree.tests.size < LEAST_TESTS) continue;
    // one more than is asked for: what is left of an enumeration is often one value
    const cases = 2 + Math.max(0, ...tree.constants.filter((constant) => constant < MOST_CASES));
    const leaves = Array.from({ length: cases }, (_, value) => tree.leafOf(value));
    if (cases < LEAST_CASES || leaves.includes(-1)) continue;
    const end = unit.end[node];
    const common = tree.commonLeaf(cases);
    const beyond = common < 0 ? addNode(unit, NODE_CODE, end - 1, end, unit.succ[node]) : common;
    const table = addNode(unit, NODE_TABLE, end, end, [...leaves, beyond]);
    unit.tables.set(table, end - 1);
    unit.succ[node] = [table];
    unit.cases[node] = [-1];
  }
  return unit.tables.size > 0;
}
