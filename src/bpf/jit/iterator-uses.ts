// Where verified code looks at what bpf_iter_num_next gave: whether it was NULL, and the number behind it. Both are in locals
// (emit-iterator.ts), so that a loop need not go through memory for them. Found by following the pointer forward through the
// registers of a unit, over all paths.

import { slotsOf, type Effects } from "./effects.ts";
import { NODE_CODE, type Unit } from "./unit.ts";

/** A call on the number iterator at `offset` from r10. */
export interface IteratorCall {
  readonly step: "iterNew" | "iterNext" | "iterDestroy";
  readonly offset: number;
  /** iterNew: where it starts, if that is known. */
  readonly start?: number | undefined;
}

/** What a unit does with its iterators. Tests and loads are slots, with the iterator they are about. */
export interface IteratorUses {
  /** Jumps on whether the last bpf_iter_num_next gave NULL. */
  readonly tests: ReadonlyMap<number, number>;
  /** Loads of the current number. */
  readonly loads: ReadonlyMap<number, number>;
  /**
   * Iterators whose pointers are used for nothing else, so that nobody sees their memory; and that are not asked for more once
   * they gave NULL, so that it does not matter what they count to then.
   */
  readonly plain: ReadonlySet<number>;
}

const REGISTERS = 10;
/** Facts of a node: for each register the iterator it points to, then two words of iterators that may have given NULL. */
const FACTS = REGISTERS + 2;
/** What a register is known to point to: an iterator by its offset, which is below 0; or nothing; or no path came here yet. */
const NOTHING = 0;
const UNREACHED = 1;

/** The uses of a unit's iterators. `liveAt`: mask of the registers live at the start of a node. */
export function iteratorUses(
  unit: Unit,
  effects: Effects,
  callAt: (slot: number) => IteratorCall | undefined,
  liveAt: (node: number) => number,
): IteratorUses {
  const count = unit.kind.length;
  const facts = new Int32Array(count * FACTS);
  for (let node = 1; node < count; node++) facts.fill(UNREACHED, node * FACTS, node * FACTS + REGISTERS);
  const at = (node: number): Int32Array => facts.subarray(node * FACTS, (node + 1) * FACTS);
  const follow = new Follower(unit, effects, callAt);
  const work = [0];
  while (work.length > 0) {
    const node = work.pop()!;
    const after = follow.through(node, at(node));
    for (const [edge, to] of unit.succ[node].entries())
      if (meet(at(to), follow.along(node, edge, after))) work.push(to);
  }
  const found = new Found();
  for (let node = 0; node < count; node++) {
    if (facts[node * FACTS] === UNREACHED) continue;
    const after = follow.through(node, at(node), found);
    for (const [edge, to] of unit.succ[node].entries())
      lost(follow.along(node, edge, after), at(to), liveAt(to), found);
  }
  return found;
}

class Found implements IteratorUses {
  readonly tests = new Map<number, number>();
  readonly loads = new Map<number, number>();
  readonly plain = new Set<number>();
  readonly #slots = new Map<number, number>();
  readonly #notPlain = new Set<number>();

  /** A slot may be in several nodes (counted-loops.ts): what is not the same in all of them is no use, and shows the pointer. */
  use(uses: Map<number, number>, slot: number, iterator: number): void {
    const before = this.#slots.get(slot) ?? iterator;
    this.#slots.set(slot, before === iterator ? iterator : NOTHING);
    if (before === iterator && iterator !== NOTHING) return void uses.set(slot, iterator);
    uses.delete(slot);
    for (const one of [before, iterator]) this.spoil(one);
  }

  exists(iterator: number): void {
    if (!this.#notPlain.has(iterator)) this.plain.add(iterator);
  }

  spoil(iterator: number): void {
    this.#notPlain.add(iterator);
    this.plain.delete(iterator);
  }
}

/** Takes in what another path says; true when that changed something. */
function meet(here: Int32Array, path: Int32Array): boolean {
  let changed = false;
  for (let fact = 0; fact < FACTS; fact++) {
    const both =
      fact >= REGISTERS
        ? here[fact] | path[fact]
        : here[fact] === UNREACHED || here[fact] === path[fact]
          ? path[fact]
          : NOTHING;
    if (both !== here[fact]) changed = true;
    here[fact] = both;
  }
  return changed;
}

// Where paths meet that do not agree, a register that is still used may hold a pointer nobody follows any more.
function lost(path: Int32Array, here: Int32Array, live: number, found: Found): void {
  for (let reg = 0; reg < REGISTERS; reg++) if (live & (1 << reg) && path[reg] !== here[reg]) found.spoil(path[reg]);
}

/** The word and the bit of an iterator that may have given NULL: places are 8 bytes apart. */
const bitOf = (iterator: number): readonly [fact: number, bit: number] => {
  const place = -iterator / 8 - 1;
  return [REGISTERS + (place >> 5), 1 << (place & 31)];
};

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
  through(node: number, before: Int32Array, found?: Found): Int32Array {
    const known = before.slice();
    const { kind, first, end, foldFirst, foldEnd } = this.#unit;
    const { rows, writes } = this.#effects;
    if (kind[node] !== NODE_CODE) return known;
    for (let slot = first[node]; slot < end[node]; slot += slotsOf(rows[slot])) this.#step(slot, known, found);
    // moves that may not happen
    for (let slot = foldFirst[node]; slot < foldEnd[node]; slot += slotsOf(rows[slot])) {
      this.#shows(slot, known, found);
      forget(known, writes[slot]);
    }
    return known;
  }

  /** What is known on one way out of a node: past a test, whether there was a number. */
  along(node: number, edge: number, after: Int32Array): Int32Array {
    const slot = this.#unit.end[node] - 1;
    if (this.#unit.kind[node] !== NODE_CODE || !this.#isTest(slot)) return after;
    const iterator = after[this.#effects.insns[slot].dst_reg] ?? NOTHING;
    if (iterator === NOTHING) return after;
    const known = after.slice();
    const isNull = (this.#effects.rows[slot]!.op === "jeq") === (edge === 0);
    const [word, bit] = bitOf(iterator);
    if (!isNull) known[word] &= ~bit;
    else for (let reg = 0; reg < REGISTERS; reg++) if (known[reg] === iterator) known[reg] = NOTHING;
    return known;
  }

  #isTest(slot: number): boolean {
    const row = this.#effects.rows[slot];
    const isEqual = row?.op === "jeq" || row?.op === "jne";
    return isEqual && row.width === 64 && row.source === "K" && this.#effects.insns[slot].imm === 0;
  }

  #step(slot: number, known: Int32Array, found: Found | undefined): void {
    const { insns, rows, writes } = this.#effects;
    const row = rows[slot];
    if (row === undefined) return;
    const { dst_reg, src_reg, off } = insns[slot];
    const copies = row.op === "mov" && row.width === 64 && row.source === "X";
    if (this.#isTest(slot)) found?.use(found.tests, slot, known[dst_reg] ?? NOTHING);
    else if (row.width === 32 && off === 0 && (row.op === "ldx" || row.op === "ldsx"))
      found?.use(found.loads, slot, known[src_reg] ?? NOTHING);
    else if (!copies) this.#shows(slot, known, found);
    const copied = copies && src_reg < REGISTERS ? known[src_reg] : NOTHING;
    const call = row.op === "call" ? this.#callAt(slot) : undefined;
    forget(known, writes[slot]);
    if (copied !== NOTHING) known[dst_reg] = copied;
    if (call !== undefined) this.#call(call, known, found);
  }

  #call({ step, offset }: IteratorCall, known: Int32Array, found: Found | undefined): void {
    found?.exists(offset);
    // what an earlier call gave is no longer about the iterator's present state
    for (let reg = 0; reg < REGISTERS; reg++) if (known[reg] === offset) known[reg] = NOTHING;
    const [word, bit] = bitOf(offset);
    if (step === "iterNext") {
      if (known[word] & bit) found?.spoil(offset);
      known[0] = offset;
      known[word] |= bit;
    } else known[word] &= ~bit;
  }

  /** Notes the pointers that an instruction looks at for other reasons. */
  #shows(slot: number, known: Int32Array, found: Found | undefined): void {
    if (found === undefined) return;
    for (let reg = 0; reg < REGISTERS; reg++)
      if (this.#effects.reads[slot] & (1 << reg) && known[reg] !== NOTHING) found.spoil(known[reg]);
  }
}

function forget(known: Int32Array, registers: number): void {
  for (let reg = 0; reg < REGISTERS; reg++) if (registers & (1 << reg)) known[reg] = NOTHING;
}
