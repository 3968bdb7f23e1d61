// A unit is what becomes one WebAssembly function: nodes with their edges. Most nodes are blocks of BPF instructions; the
// rest carry control where WebAssembly needs help: dispatchers in graphs that are not reducible, and the doors between the
// pieces of a BPF function that is too big for one WebAssembly function.

/** Instructions first[n] .. end[n], then by their last instruction. */
export const NODE_CODE = 0;
/** Goes to the successor whose place equals the state local. */
export const NODE_SWITCH = 1;
/** Leaves the function for the block `first[n]` of another piece. */
export const NODE_LEAVE = 2;
/** Control ran to slot `first[n]`, which does not exist: a `code` fault. */
export const NODE_OUTSIDE = 3;
/** Chooses the first successor when several turns of a counted loop may run in one go (counted-loops.ts). */
export const NODE_GUARD = 4;
/** Goes to the successor whose place equals a register's value, to the last one when there is none (tables.ts). */
export const NODE_TABLE = 5;

/** The test of a NODE_GUARD: whether the counter is below (above, when not `up`) its limit by more than `ahead`. */
export interface Guard {
  readonly counter: number;
  /** Register of the limit, or -1 when `bound` is the limit less (plus) what is ahead. */
  readonly limit: number;
  readonly bound: number;
  readonly ahead: number;
  readonly up: boolean;
  readonly wide: boolean;
}

/** Nodes by number, the entry first. An edge with a case >= 0 sets the state local to it on its way to a dispatcher. */
export interface Unit {
  readonly kind: number[];
  readonly first: number[];
  readonly end: number[];
  /** Moves that are done only when the jump at the node's end is not taken (fold.ts); an empty range when there are none. */
  readonly foldFirst: number[];
  readonly foldEnd: number[];
  readonly succ: number[][];
  readonly cases: number[][];
  readonly guards: Map<number, Guard>;
  /** By NODE_TABLE: a slot that compares its register. */
  readonly tables: Map<number, number>;
}

/** A unit without nodes. */
export function emptyUnit(): Unit {
  return {
    kind: [],
    first: [],
    end: [],
    foldFirst: [],
    foldEnd: [],
    succ: [],
    cases: [],
    guards: new Map(),
    tables: new Map(),
  };
}

/** True when moves are folded into the node. */
export function hasFold(unit: Unit, node: number): boolean {
  return unit.foldFirst[node] !== unit.foldEnd[node];
}

/** Adds a node and gives its number. */
export function addNode(unit: Unit, kind: number, first: number, end: number, succ: number[]): number {
  unit.kind.push(kind);
  unit.first.push(first);
  unit.end.push(end);
  unit.foldFirst.push(0);
  unit.foldEnd.push(0);
  unit.succ.push(succ);
  unit.cases.push(succ.map(() => -1));
  return unit.kind.length - 1;
}
