// Immediate dominators by Lengauer and Tarjan (1979), the simple variant with path compression: O(m log n) whatever the
// shape. (The shorter algorithm of Cooper, Harvey and Kennedy turns quadratic on long functions with one common exit.)

import type { Graph, Order, Preds } from "./graph.ts";

/** The dominator tree. */
export interface Dominators {
  /** Immediate dominator of each node; -1 for the entry and for unreachable nodes. */
  readonly idom: Int32Array;
  /** True when `a` dominates `b` (a node dominates itself). */
  readonly dominates: (a: number, b: number) => boolean;
}

/** The dominator tree of the reachable part. */
export function dominators(graph: Graph, order: Order, preds: Preds): Dominators {
  const { count } = graph;
  const { preorder, parent } = order;
  // Everything below is in preorder numbers, so that comparisons are those of the paper.
  const number = new Int32Array(count).fill(-1);
  for (let i = 0; i < preorder.length; i++) number[preorder[i]] = i;
  const total = preorder.length;
  const semi = new Int32Array(total);
  const best = new Int32Array(total);
  const ancestor = new Int32Array(total).fill(-1);
  const dom = new Int32Array(total);
  const bucketHead = new Int32Array(total).fill(-1);
  const bucketNext = new Int32Array(total).fill(-1);
  const path = new Int32Array(total);
  for (let i = 0; i < total; i++) semi[i] = best[i] = i;

  const evaluate = (v: number): number => {
    if (ancestor[v] === -1) return v;
    let length = 0;
    for (let at = v; ancestor[ancestor[at]] !== -1; at = ancestor[at]!) path[length++] = at;
    while (length > 0) {
      const at = path[--length];
      const up = ancestor[at];
      if (semi[best[up]] < semi[best[at]]) best[at] = best[up]!;
      ancestor[at] = ancestor[up]!;
    }
    return best[v];
  };

  for (let w = total - 1; w > 0; w--) {
    const node = preorder[w];
    const up = number[parent[node]];
    for (let i = preds.start[node]; i < preds.start[node + 1]; i++) {
      const from = number[preds.node[i]];
      if (from < 0) continue;
      const candidate = semi[evaluate(from)];
      if (candidate < semi[w]) semi[w] = candidate;
    }
    bucketNext[w] = bucketHead[semi[w]]!;
    bucketHead[semi[w]] = w;
    ancestor[w] = up;
    for (let v = bucketHead[up]; v !== -1; v = bucketNext[v]!) {
      const u = evaluate(v);
      dom[v] = semi[u] < semi[v] ? u : up;
    }
    bucketHead[up] = -1;
  }
  for (let w = 1; w < total; w++) if (dom[w] !== semi[w]) dom[w] = dom[dom[w]]!;

  const idom = new Int32Array(count).fill(-1);
  for (let w = 1; w < total; w++) idom[preorder[w]] = preorder[dom[w]]!;
  return { idom, dominates: ancestry(order, idom) };
}

// Intervals of a walk over the tree: a dominates b when b's interval lies in a's.
function ancestry(order: Order, idom: Int32Array): (a: number, b: number) => boolean {
  const { nodes } = order;
  const size = new Int32Array(idom.length).fill(1);
  for (let i = nodes.length - 1; i > 0; i--) size[idom[nodes[i]]] += size[nodes[i]];
  const start = new Int32Array(idom.length).fill(-1);
  const fill = new Int32Array(idom.length);
  for (let i = 0; i < nodes.length; i++) {
    const node = nodes[i];
    const up = idom[node];
    if (up === -1) start[node] = 0;
    else {
      start[node] = start[up] + 1 + fill[up];
      fill[up] += size[node];
    }
  }
  return (a, b) => start[b] >= start[a] && start[b] < start[a] + size[a];
}
