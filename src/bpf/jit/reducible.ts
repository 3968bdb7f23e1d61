// Makes a graph reducible: a loop that can be entered in several places gets a dispatcher in front, a node all its entries
// are reached through, told by a state local which of them is meant (as LLVM's WebAssemblyFixIrreducibleControlFlow does).
// Clang's BPF never needs it; hand-written and unverified programs may.

import { addNode, NODE_CODE, NODE_SWITCH, type Unit } from "./unit.ts";

// Beyond this nesting of loops every node of what remains becomes an entry, which ends the search at the cost of slower code.
const MAX_LEVELS = 24;

// Strongly connected components of more than one node (Tarjan 1972, iterative), along edges that stay in one region.
function components(unit: Unit, regionOf: readonly number[]): number[][] {
  const { length } = unit.kind;
  const found: number[][] = [];
  const index = new Int32Array(length).fill(-1);
  const low = new Int32Array(length);
  const edge = new Int32Array(length);
  const onStack = new Uint8Array(length);
  const stack: number[] = [];
  const path: number[] = [];
  let count = 0;
  const enter = (node: number): void => {
    index[node] = low[node] = count++;
    stack.push(node);
    onStack[node] = 1;
    path.push(node);
  };
  for (let root = 0; root < length; root++) {
    if (index[root] !== -1 || regionOf[root] === -1) continue;
    enter(root);
    while (path.length > 0) {
      const node = path.at(-1)!;
      const target = unit.succ[node][edge[node]];
      if (target !== undefined) {
        edge[node]++;
        if (regionOf[target] !== regionOf[node]) continue;
        if (index[target] === -1) enter(target);
        else if (onStack[target]) low[node] = Math.min(low[node], index[target]);
        continue;
      }
      path.pop();
      const up = path.at(-1);
      if (up !== undefined) low[up] = Math.min(low[up], low[node]);
      if (low[node] !== index[node]) continue;
      const component: number[] = [];
      for (let popped = -1; popped !== node;) {
        popped = stack.pop()!;
        onStack[popped] = 0;
        component.push(popped);
      }
      if (component.length > 1) found.push(component);
    }
  }
  return found;
}

// Sends every edge that leads to one of `entries` through a new dispatcher.
function addDispatcher(
  unit: Unit,
  entries: readonly number[],
  sources: readonly (readonly number[] | undefined)[],
): void {
  const dispatcher = addNode(unit, NODE_SWITCH, 0, 0, [...entries]);
  for (const [place, entry] of entries.entries()) {
    for (const from of new Set(sources[entry])) {
      const list = unit.succ[from];
      for (const [edge, target] of list.entries()) {
        if (target !== entry) continue;
        if (unit.kind[from] === NODE_SWITCH) {
          // A dispatcher's own edges cannot set the state; an empty block on the way can.
          list[edge] = addNode(unit, NODE_CODE, 0, 0, [dispatcher]);
          unit.cases[list[edge]][0] = place;
        } else {
          list[edge] = dispatcher;
          unit.cases[from][edge] = place;
        }
      }
    }
  }
}

/** Changes `unit` so that each of its loops has one entry; unreachable nodes must not be there. */
export function makeReducible(unit: Unit): void {
  const regionOf: number[] = unit.kind.map(() => 0);
  let regions = 1;
  for (let level = 0; ; level++) {
    const found = components(unit, regionOf);
    if (found.length === 0) return;
    regionOf.fill(-1);
    for (const component of found) {
      for (const node of component) regionOf[node] = regions;
      regions++;
    }
    const sources: number[][] = [];
    for (const [from, list] of unit.succ.entries())
      for (const to of list) if (regionOf[to] !== -1) (sources[to] ??= []).push(from);
    const headers: number[] = [];
    for (const component of found) {
      const region = regionOf[component[0]];
      const isEntry = (node: number): boolean =>
        node === 0 || (sources[node] ?? []).some((from) => regionOf[from] !== region);
      const entries = level < MAX_LEVELS ? component.filter(isEntry) : component;
      if (entries.length > 1) addDispatcher(unit, entries, sources);
      else headers.push(entries[0]);
    }
    // What is left of each loop without its header, or without the edges that now pass its dispatcher, is looked at next.
    for (const header of headers) regionOf[header] = -1;
    while (regionOf.length < unit.kind.length) regionOf.push(-1);
  }
}
