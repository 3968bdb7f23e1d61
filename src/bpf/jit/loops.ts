// Natural loops of a reducible graph: for each node the innermost loop it is in, and the loop around each loop. Found from
// the inside out with a union-find that folds finished loops into their headers (after Havlak 1997).

import type { Dominators } from "./dominators.ts";
import type { Graph, Order, Preds } from "./graph.ts";

/** Loops are named by their header node. */
export interface Loops {
  readonly isHeader: Uint8Array;
  /** Header of the innermost loop a node is in (a header is in its own loop); -1 for none. */
  readonly innermost: Int32Array;
  /** For a header: the header of the next loop around; -1 for none. */
  readonly outer: Int32Array;
}

/** True when every retreating edge leads to a node that dominates its source. */
export function isReducible(graph: Graph, order: Order, { dominates }: Dominators): boolean {
  const { succ, succStart } = graph;
  const { nodes, rank } = order;
  for (let i = 0; i < nodes.length; i++) {
    const node = nodes[i];
    for (let edge = succStart[node]; edge < succStart[node + 1]; edge++) {
      if (rank[succ[edge]] <= i && !dominates(succ[edge], node)) return false;
    }
  }
  return true;
}

/** The loops of a reducible graph. */
export function loopsOf(graph: Graph, order: Order, preds: Preds): Loops {
  const { count } = graph;
  const { nodes, rank } = order;
  const isHeader = new Uint8Array(count);
  const innermost = new Int32Array(count).fill(-1);
  const outer = new Int32Array(count).fill(-1);
  const folded = Int32Array.from({ length: count }, (_, i) => i);
  const find = (node: number): number => {
    let root = node;
    while (folded[root] !== root) root = folded[root]!;
    for (let at = node; at !== root;) {
      const up = folded[at];
      folded[at] = root;
      at = up;
    }
    return root;
  };
  const work: number[] = [];
  for (let i = nodes.length - 1; i >= 0; i--) {
    const header = nodes[i];
    const body: number[] = [];
    const add = (node: number): void => {
      const root = find(node);
      if (root === header) return;
      folded[root] = header;
      body.push(root);
      work.push(root);
    };
    for (let p = preds.start[header]; p < preds.start[header + 1]; p++) {
      const from = preds.node[p];
      if (rank[from] < i) continue;
      isHeader[header] = 1;
      add(from);
    }
    while (work.length > 0) {
      const node = work.pop()!;
      for (let p = preds.start[node]; p < preds.start[node + 1]; p++) {
        const from = preds.node[p];
        if (rank[from] >= 0) add(from);
      }
    }
    if (!isHeader[header]) continue;
    innermost[header] = header;
    for (const node of body) {
      if (isHeader[node]) outer[node] = header;
      else innermost[node] = header;
    }
  }
  return { isHeader, innermost, outer };
}
