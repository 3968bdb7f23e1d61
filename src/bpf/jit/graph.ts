// A directed graph of numbered nodes in compressed rows: the successors of node n are succ[succStart[n] .. succStart[n+1]).
// Node 0 is the entry. Everything here is iterative, as a program may have half a million nodes in one chain.

/** Edges keep their order: an edge's number is its place in `succ`. */
export interface Graph {
  readonly count: number;
  readonly succStart: Int32Array;
  readonly succ: Int32Array;
}

/** Sources by target, and the number of the edge that leads there. */
export interface Preds {
  readonly start: Int32Array;
  readonly node: Int32Array;
}

/** The graph with these successor lists. */
export function graphOf(successors: readonly (readonly number[])[]): Graph {
  const succStart = new Int32Array(successors.length + 1);
  for (const [node, list] of successors.entries()) succStart[node + 1] = succStart[node] + list.length;
  const succ = new Int32Array(succStart[successors.length]);
  let at = 0;
  for (const list of successors) for (const target of list) succ[at++] = target;
  return { count: successors.length, succStart, succ };
}

/** The reversed edges. */
export function predecessors(graph: Graph): Preds {
  const { count, succ, succStart } = graph;
  const start = new Int32Array(count + 1);
  for (const target of succ) start[target + 1]++;
  for (let node = 0; node < count; node++) start[node + 1] += start[node];
  const fill = start.slice(0, count);
  const node = new Int32Array(succ.length);
  for (let from = 0; from < count; from++) {
    for (let edge = succStart[from]; edge < succStart[from + 1]; edge++) node[fill[succ[edge]]++] = from;
  }
  return { start, node };
}

/** Depth-first numbering from the entry. */
export interface Order {
  /** Nodes in reverse postorder; unreachable ones are absent. */
  readonly nodes: Int32Array;
  /** Place of each node in `nodes`, -1 when unreachable. */
  readonly rank: Int32Array;
  /** Nodes in preorder, and the tree parent of each node (-1 for the entry). */
  readonly preorder: Int32Array;
  readonly parent: Int32Array;
}

/** Depth-first search that visits successors last to first, so that in reverse postorder an earlier one comes earlier. */
export function depthFirst(graph: Graph): Order {
  const { count, succ, succStart } = graph;
  const rank = new Int32Array(count).fill(-1);
  const parent = new Int32Array(count).fill(-1);
  const seen = new Uint8Array(count);
  const next = new Int32Array(count);
  const stack = new Int32Array(count);
  const postorder = new Int32Array(count);
  const preorder = new Int32Array(count);
  let depth = 0;
  let done = 0;
  let found = 0;
  const enter = (node: number): void => {
    seen[node] = 1;
    next[node] = succStart[node + 1]!;
    preorder[found++] = node;
    stack[depth++] = node;
  };
  if (count > 0) enter(0);
  while (depth > 0) {
    const node = stack[depth - 1];
    if (next[node] === succStart[node]) {
      depth--;
      postorder[done++] = node;
      continue;
    }
    const target = succ[--next[node]];
    if (seen[target]) continue;
    parent[target] = node;
    enter(target);
  }
  const nodes = postorder.slice(0, done).reverse();
  for (let i = 0; i < done; i++) rank[nodes[i]] = i;
  return { nodes, rank, preorder: preorder.slice(0, found), parent };
}
