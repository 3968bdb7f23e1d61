// Control flow graph to nested block/loop/if from the dominator tree (Norman Ramsey, "Beyond Relooper", ICFP 2022), with an
// explicit work list instead of recursion. One departure: what a loop leaves for is placed after the loop rather than
// inside it, so that engines see small loops and can unroll them.

import type { Expr } from "../../wasm/index.ts";
import { dominators } from "./dominators.ts";
import { depthFirst, graphOf, predecessors } from "./graph.ts";
import { isReducible, loopsOf } from "./loops.ts";
import { makeReducible } from "./reducible.ts";
import { NODE_SWITCH, NODE_TABLE, type Unit } from "./unit.ts";

/** The order and nesting of a unit's nodes in structured code. */
export interface Structure {
  readonly unit: Unit;
  /** Nodes in reverse postorder. */
  readonly nodes: Int32Array;
  readonly rank: Int32Array;
  readonly isHeader: Uint8Array;
  /** Nodes that get a label of their own, rather than being written where they are branched to. */
  readonly labelled: Uint8Array;
  /** Labelled nodes by the node they are nested in, ascending in rank: those within a loop header's loop, those after it. */
  readonly within: readonly number[][];
  readonly after: readonly number[][];
  /** True when the graph needed dispatchers. */
  readonly dispatched: boolean;
}

/** Works out the structure; adds dispatchers to `unit` when it is not reducible. */
export function structureOf(unit: Unit): Structure {
  let graph = graphOf(unit.succ);
  let order = depthFirst(graph);
  let preds = predecessors(graph);
  let tree = dominators(graph, order, preds);
  const dispatched = !isReducible(graph, order, tree);
  if (dispatched) {
    makeReducible(unit);
    graph = graphOf(unit.succ);
    order = depthFirst(graph);
    preds = predecessors(graph);
    tree = dominators(graph, order, preds);
  }
  const { isHeader, innermost, outer } = loopsOf(graph, order, preds);
  const { nodes, rank } = order;
  const labelled = new Uint8Array(graph.count);
  const within: number[][] = Array.from({ length: graph.count }, () => NONE);
  const after: number[][] = Array.from({ length: graph.count }, () => NONE);
  const attach = (lists: number[][], to: number, node: number): void => {
    if (lists[to] === NONE) lists[to] = [node];
    else lists[to].push(node);
  };
  for (let i = 1; i < nodes.length; i++) {
    const node = nodes[i];
    let forward = 0;
    let fromSwitch = false;
    for (let p = preds.start[node]; p < preds.start[node + 1]; p++) {
      const from = preds.node[p];
      if (rank[from] < 0 || rank[from] >= i) continue;
      forward++;
      if (unit.kind[from] === NODE_SWITCH || unit.kind[from] === NODE_TABLE) fromSwitch = true;
    }
    // The loop this node belongs in, not counting one it heads itself.
    const home = isHeader[node] ? outer[node] : innermost[node];
    let left = -1;
    for (let loop = innermost[tree.idom[node]]; loop !== home && loop !== -1; loop = outer[loop]!) left = loop;
    if (left !== -1) attach(after, left, node);
    else if (forward > 1 || fromSwitch) attach(within, tree.idom[node], node);
    else continue;
    labelled[node] = 1;
  }
  return { unit, nodes, rank, isHeader, labelled, within, after, dispatched };
}

const NONE: number[] = [];

/** What the code of a node is; structure decides where it goes. */
export interface NodeWriter {
  /** The instructions of a node, without its jump. A node without successors ends in `return` or a trap. */
  body(node: number): void;
  /** Pushes an i32: whether the jump at the end of the node is taken, or the opposite when `negate`. */
  condition(node: number, negate: boolean): void;
  /** A way back has code of its own (backEdge), which is for those turns only that are made. */
  readonly countsBackEdges: boolean;
  /** Called before a branch back to the header of a loop. */
  backEdge(node: number, header: number): void;
  /** Sets the state local. */
  setState(value: number): void;
  /** Pushes what a NODE_SWITCH or NODE_TABLE goes by. */
  selector(node: number): void;
}

// Work list entries: a node to write, or one of these.
const END = -1;

/** Writes the unit's code. The code never falls through its end. */
export function writeStructured(structure: Structure, expr: Expr, writer: NodeWriter): void {
  const { unit, rank, isHeader, labelled, within, after } = structure;
  const blockLabel = new Int32Array(unit.kind.length);
  const loopLabel = new Int32Array(unit.kind.length);
  const work: number[] = [0];

  const isBack = (from: number, to: number): boolean => rank[to] <= rank[from];
  const isInline = (from: number, to: number): boolean => !labelled[to] && !isBack(from, to);
  const labelOf = (from: number, to: number): number => (isBack(from, to) ? loopLabel[to] : blockLabel[to]);

  const prepare = (node: number, edge: number): void => {
    const value = unit.cases[node][edge];
    if (value >= 0) writer.setState(value);
    const target = unit.succ[node][edge];
    if (isBack(node, target)) writer.backEdge(node, target);
  };
  const follow = (node: number, edge: number): void => {
    const target = unit.succ[node][edge];
    prepare(node, edge);
    if (isInline(node, target)) work.push(target);
    else expr.br(labelOf(node, target));
  };
  const branchIf = (node: number, edge: number, negate: boolean): void => {
    const target = unit.succ[node][edge];
    prepare(node, edge);
    writer.condition(node, negate);
    expr.brIf(labelOf(node, target));
  };
  const leave = (node: number): void => {
    const list = unit.succ[node];
    if (unit.kind[node] === NODE_SWITCH || unit.kind[node] === NODE_TABLE) {
      writer.selector(node);
      expr.brTable(list.map((target) => labelOf(node, target)));
    } else if (list.length === 1) follow(node, 0);
    else if (list.length === 2) {
      const [taken, next] = list as [number, number];
      // a loop that goes on by a condition turns without a second jump
      const turns = !writer.countsBackEdges && isBack(node, next) && !isBack(node, taken);
      if (!isInline(node, taken) && !turns) {
        branchIf(node, 0, false);
        follow(node, 1);
      } else if (!isInline(node, next)) {
        branchIf(node, 1, true);
        follow(node, 0);
      } else {
        writer.condition(node, false);
        expr.if();
        work.push(next, END, taken);
      }
    }
  };

  while (work.length > 0) {
    const node = work.pop()!;
    if (node === END) {
      expr.end();
      continue;
    }
    const later = after[node];
    const inner = within[node];
    for (let i = later.length - 1; i >= 0; i--) work.push(later[i], END);
    for (let i = later.length - 1; i >= 0; i--) blockLabel[later[i]] = expr.block();
    if (isHeader[node]) {
      loopLabel[node] = expr.loop();
      work.push(END);
    }
    for (let i = inner.length - 1; i >= 0; i--) work.push(inner[i], END);
    for (let i = inner.length - 1; i >= 0; i--) blockLabel[inner[i]] = expr.block();
    writer.body(node);
    leave(node);
  }
}
