// Cuts the graph of a very long function into pieces, each a WebAssembly function: engines limit the size of one, and their
// optimisers take more than linear time on long ones. A piece keeps to neighbouring slots, as compilers lay loops out; it is
// entered through a dispatcher over the blocks other pieces jump to, and left with the number of such a block.

import { slotsOf, type Effects } from "./effects.ts";
import { addNode, emptyUnit, NODE_CODE, NODE_LEAVE, NODE_SWITCH, type Unit } from "./unit.ts";

/** Functions of more slots than this are cut, into pieces of at most about PIECE_SLOTS. */
export const WHOLE_SLOTS = 24_000;
export const PIECE_SLOTS = 8_000;

/** A door: piece number times DOOR_STEP plus the place in the piece's dispatcher. */
export const DOOR_STEP = 0x10000;

/** The pieces, and the door of the function's entry. */
export interface Split {
  readonly pieces: readonly Unit[];
  readonly entryDoor: number;
  /** Whole-function node behind each door, for its liveness. */
  readonly nodeOfDoor: ReadonlyMap<number, number>;
}

/** Slots of all nodes together. */
export function sizeOf(unit: Unit): number {
  let slots = 0;
  for (let node = 0; node < unit.kind.length; node++)
    if (unit.kind[node] === NODE_CODE) slots += unit.end[node] - unit.first[node];
  return slots;
}

/** Cuts blocks longer than a piece into several nodes. */
export function cutLongNodes(unit: Unit, { rows }: Effects, limit: number): void {
  for (let node = 0; node < unit.kind.length; node++) {
    if (unit.kind[node] !== NODE_CODE || unit.end[node] - unit.first[node] <= limit) continue;
    let at = unit.first[node];
    while (at - unit.first[node] < limit) at += slotsOf(rows[at]);
    if (at >= unit.end[node]) continue;
    const rest = addNode(unit, NODE_CODE, at, unit.end[node], unit.succ[node]);
    unit.foldFirst[rest] = unit.foldFirst[node]!;
    unit.foldEnd[rest] = unit.foldEnd[node]!;
    unit.foldFirst[node] = unit.foldEnd[node] = 0;
    unit.end[node] = at;
    unit.succ[node] = [rest];
    unit.cases[node] = [-1];
  }
}

/** The pieces of a function; `limit` is their size in slots. */
export function split(unit: Unit, limit: number): Split {
  const count = unit.kind.length;
  const bySlot = Array.from({ length: count }, (_, node) => node).sort((a, b) => unit.first[a] - unit.first[b]);
  const pieceOf = new Int32Array(count);
  let piece = 0;
  let slots = 0;
  for (const node of bySlot) {
    const size = Math.max(1, unit.end[node] - unit.first[node]);
    if (slots > 0 && slots + size > limit) {
      piece++;
      slots = 0;
    }
    slots += size;
    pieceOf[node] = piece;
  }
  const isEntry = new Uint8Array(count);
  isEntry[0] = 1;
  for (let node = 0; node < count; node++) {
    for (const target of unit.succ[node]) if (pieceOf[target] !== pieceOf[node]) isEntry[target] = 1;
  }
  const pieces = Array.from({ length: piece + 1 }, emptyUnit);
  for (const part of pieces) addNode(part, NODE_SWITCH, 0, 0, []);
  const local = new Int32Array(count);
  const door = new Int32Array(count).fill(-1);
  const nodeOfDoor = new Map<number, number>();
  for (const node of bySlot) {
    const part = pieces[pieceOf[node]];
    local[node] = addNode(part, unit.kind[node], unit.first[node], unit.end[node], []);
    part.foldFirst[local[node]] = unit.foldFirst[node]!;
    part.foldEnd[local[node]] = unit.foldEnd[node]!;
    if (!isEntry[node]) continue;
    door[node] = pieceOf[node] * DOOR_STEP + part.succ[0].length;
    nodeOfDoor.set(door[node], node);
    part.succ[0].push(local[node]);
    part.cases[0].push(-1);
  }
  const leaving = pieces.map(() => new Map<number, number>());
  for (const node of bySlot) {
    const home = pieceOf[node];
    const part = pieces[home];
    const succ = unit.succ[node].map((target) => {
      if (pieceOf[target] === home) return local[target];
      let exit = leaving[home].get(target);
      if (exit === undefined) leaving[home].set(target, (exit = addNode(part, NODE_LEAVE, door[target], 0, [])));
      return exit;
    });
    part.succ[local[node]] = succ;
    part.cases[local[node]] = succ.map(() => -1);
  }
  return { pieces, entryDoor: door[0], nodeOfDoor };
}
