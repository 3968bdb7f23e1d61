// Backward liveness of the registers but r10 over a unit's nodes. Each node's set only grows and holds ten bits, so a work list settles
// after a small multiple of the number of edges, whatever the nesting.

import type { Effects } from "./effects.ts";
import { REG_FP, slotsOf } from "./effects.ts";
import { predecessors, type Graph } from "./graph.ts";
import { NODE_CODE, NODE_LEAVE, type Unit } from "./unit.ts";

/** Masks of registers live at the start of each node; `leaving` gives those a NODE_LEAVE hands on. */
export function liveness(
  unit: Unit,
  graph: Graph,
  { rows, reads, writes }: Effects,
  leaving: (node: number) => number,
): Uint32Array {
  const count = unit.kind.length;
  const uses = new Uint32Array(count);
  const kills = new Uint32Array(count);
  for (let node = 0; node < count; node++) {
    if (unit.kind[node] === NODE_LEAVE) uses[node] = leaving(node);
    const guard = unit.guards.get(node);
    if (guard !== undefined) uses[node] = (1 << guard.counter) | (guard.limit === -1 ? 0 : 1 << guard.limit);
    if (unit.kind[node] !== NODE_CODE) continue;
    let use = 0;
    let kill = 0;
    for (let slot = unit.first[node]; slot < unit.end[node]; slot += slotsOf(rows[slot])) {
      use |= reads[slot] & ~kill;
      kill |= writes[slot];
    }
    // Folded moves may not happen: they read, but what they write stays live before them.
    for (let slot = unit.foldFirst[node], moved = 0; slot < unit.foldEnd[node]; slot += slotsOf(rows[slot])) {
      use |= reads[slot] & ~kill & ~moved;
      moved |= writes[slot];
    }
    uses[node] = use & ~(1 << REG_FP);
    kills[node] = kill;
  }
  const preds = predecessors(graph);
  const live = uses.slice();
  const queued = new Uint8Array(count).fill(1);
  const work = Array.from({ length: count }, (_, node) => node);
  while (work.length > 0) {
    const node = work.pop()!;
    queued[node] = 0;
    for (let p = preds.start[node]; p < preds.start[node + 1]; p++) {
      const from = preds.node[p];
      const grown = live[from] | (live[node] & ~kills[from]);
      if (grown === live[from]) continue;
      live[from] = grown;
      if (!queued[from]) {
        queued[from] = 1;
        work.push(from);
      }
    }
  }
  return live;
}

/** Slots of the calls whose r0 is looked at; `live` as `liveness` gives it. */
export function resultsRead(unit: Unit, live: Uint32Array, { rows, reads, writes }: Effects): Set<number> {
  const found = new Set<number>();
  for (const [node, kind] of unit.kind.entries()) {
    if (kind !== NODE_CODE) continue;
    let last = -1;
    for (const [from, to] of [
      [unit.first[node], unit.end[node]],
      [unit.foldFirst[node], unit.foldEnd[node]],
    ]) {
      for (let slot = from; slot < to; slot += slotsOf(rows[slot])) {
        if (last >= 0 && reads[slot] & 1) found.add(last);
        // what is folded may not happen
        if (writes[slot] & 1 && from === unit.first[node]) last = rows[slot]?.op === "call" ? slot : -1;
      }
    }
    if (last >= 0 && unit.succ[node].some((target) => live[target] & 1)) found.add(last);
  }
  return found;
}
