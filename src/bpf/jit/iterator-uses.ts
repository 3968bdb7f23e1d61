// Where verified code looks at what bpf_iter_num_next gave: whether it was NULL, and the number behind it. Both are in locals
// (emit-iterator.ts), so that a loop need not go through memory for them. Found by following the pointer forward through the
// registers of a unit, over all paths.

import { slotsOf, type Effects } from "./effects.ts";
import { NODE_CODE, type Unit } from "./unit.ts";

/** A call on the number iterator at `offset` from r10. */
export interface IteratorCall {
  readonly step: "iterNew" | "iterNext" | "iterDestroy";
  readonly offset: number;
}

/** Slots to the iterator they are about. */
export interface IteratorUses {
  /** Jumps on whether the last bpf_iter_num_next gave NULL. */
  readonly tests: ReadonlyMap<number, number>;
  /** Loads of the current number. */
  readonly loads: ReadonlyMap<number, number>;
}

const REGISTERS = 10;
/** What a register is known to point to: an iterator by its offset, which is below 0; or nothing; or no path came here yet. */
const NOTHING = 0;
const UNREACHED = 1;

/** The uses of a unit's iterators. */
export function iteratorUses(
  unit: Unit,
  effects: Effects,
  callAt: (slot: number) => IteratorCall | undefined,
): IteratorUses {
  const count = unit.kind.length;
  const at = new Int16Array(count * REGISTERS).fill(UNREACHED);
  at.fill(NOTHING, 0, REGISTERS);
  const follow = new Follower(unit, effects, callAt);
  const work = [0];
  while (work.length > 0) {
    const node = work.pop()!;
    const after = follow.through(node, at.subarray(node * REGISTERS, (node + 1) * REGISTERS));
    for (const to of unit.succ[node]) if (meet(at.subarray(to * REGISTERS, (to + 1) * REGISTERS), after)) work.push(to);
  }
  const tests = new Found();
  const loads = new Found();
  for (let node = 0; node < count; node++)
    if (at[node * REGISTERS] !== UNREACHED) {
      follow.through(node, at.subarray(node * REGISTERS, (node + 1) * REGISTERS), (kind, slot, iterator) =>
        (kind === "test" ? tests : loads).note(slot, iterator),
      );
    }
  return { tests: tests.uses, loads: loads.uses };
}

/** Uses by slot. A slot may be in several nodes (counted-loops.ts): what is not the same in all of them is none. */
class Found {
  readonly uses = new Map<number, number>();
  readonly #seen = new Map<number, number>();

  note(slot: number, iterator: number): void {
    const before = this.#seen.get(slot) ?? iterator;
    this.#seen.set(slot, before === iterator ? iterator : NOTHING);
    if (before !== iterator || iterator === NOTHING) this.uses.delete(slot);
    else this.uses.set(slot, iterator);
  }
}

/** Takes in what another path says; true when that changed something. */
function meet(here: Int16Array, path: Int16Array): boolean {
  let changed = false;
  for (let reg = 0; reg < REGISTERS; reg++) {
    const both = here[reg] === UNREACHED || here[reg] === path[reg] ? path[reg] : NOTHING;
    if (both !== here[reg]) changed = true;
    here[reg] = both;
  }
  return changed;
}

type Note = (kind: "test" | "load", slot: number, iterator: number) => void;

class Follower {
  readonly #unit: Unit;
  readonly #effects: Effects;
  readonly #callAt: (slot: number) => IteratorCall | undefined;

  constructor(unit: Unit, effects: Effects, callAt: (slot: number) => IteratorCall | undefined) {
    this.#unit = unit;
    this.#effects = effects;
    this.#callAt = callAt;
  }

  /** What is known after a node of which this is known before it. */
  through(node: number, before: Int16Array, note?: Note): Int16Array {
    const known = before.slice();
    const { kind, first, end, foldFirst, foldEnd } = this.#unit;
    const { rows, writes } = this.#effects;
    if (kind[node] !== NODE_CODE) return known;
    for (let slot = first[node]; slot < end[node]; slot += slotsOf(rows[slot])) this.#step(slot, known, note);
    // moves that may not happen
    for (let slot = foldFirst[node]; slot < foldEnd[node]; slot += slotsOf(rows[slot])) forget(known, writes[slot]);
    return known;
  }

  #step(slot: number, known: Int16Array, note: Note | undefined): void {
    const { insns, rows, writes } = this.#effects;
    const row = rows[slot];
    if (row === undefined) return;
    const { dst_reg, src_reg, off, imm } = insns[slot];
    if (row.width === 64 && row.source === "K" && imm === 0 && (row.op === "jeq" || row.op === "jne"))
      note?.("test", slot, known[dst_reg] ?? NOTHING);
    if (row.width === 32 && off === 0 && (row.op === "ldx" || row.op === "ldsx"))
      note?.("load", slot, known[src_reg] ?? NOTHING);
    const copied = row.op === "mov" && row.width === 64 && row.source === "X" ? (known[src_reg] ?? NOTHING) : NOTHING;
    const call = row.op === "call" ? this.#callAt(slot) : undefined;
    forget(known, writes[slot]);
    if (copied !== NOTHING) known[dst_reg] = copied;
    if (call === undefined) return;
    // what an earlier call gave is no longer about the iterator's present state
    for (let reg = 0; reg < REGISTERS; reg++) if (known[reg] === call.offset) known[reg] = NOTHING;
    if (call.step === "iterNext") known[0] = call.offset;
  }
}

function forget(known: Int16Array, registers: number): void {
  for (let reg = 0; reg < REGISTERS; reg++) if (registers & (1 << reg)) known[reg] = NOTHING;
}
