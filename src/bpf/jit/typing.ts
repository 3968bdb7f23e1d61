// Decides which values live in i32 locals. A BPF register holds unrelated values one after the other; each such value (a
// web: definitions and the uses they reach, joined where paths meet) is judged on its own and is an i32 when either
//   - all its definitions are zero-extended 32-bit numbers, so that nothing is lost, or
//   - all its uses look at the low 32 bits alone, such as the address of a load in verified code.
// All webs of register k share two locals, an i64 and an i32, so there are few however long the program.

import type { Insn, OpRow } from "../isa/index.ts";
import { REG_FP, REGISTERS, slotsOf, type Effects } from "./effects.ts";
import { NODE_CODE, NODE_GUARD, NODE_LEAVE, type Unit } from "./unit.ts";
import { Webs } from "./webs.ts";

/** Bits of `Typing.bits`: which operands of a slot are held in i32 locals. */
export const DST_I32 = 1;
export const SRC_I32 = 2;
export const DEF_I32 = 4;
/** r0 where it is an unnamed operand: cmpxchg and exit. */
export const R0_I32 = 8;
/** r1 of a call; r2-r5 are the next four bits. */
export const ARG1_I32 = 16;

/** What is known of a call: which argument registers matter in their low half only, and whether r0 comes back zero-extended. */
export interface CallTyping {
  readonly low: number;
  readonly zeroExtended: boolean;
}

/** What typing needs to know beyond the instructions. */
export interface TypingFacts {
  /** Addresses count in full, because each access is checked. */
  readonly checked: boolean;
  /** The value of a 16-byte load fits 32 bits. */
  smallConstant(slot: number): boolean;
  callTyping(slot: number): CallTyping;
  /** Registers whose value at the unit's entry is a zero-extended 32-bit number. */
  readonly entrySmall: number;
  /** Somebody looks at what the function returns. */
  readonly resultUsed: boolean;
}

/** The result for one unit. */
export interface Typing {
  /** Bits per slot of the program; those of other units' slots mean nothing. */
  readonly bits: Uint16Array;
  /** Mask of the registers that are i32 at the unit's entry. */
  readonly entry: number;
  /** The same for each NODE_LEAVE and NODE_GUARD. */
  readonly leave: ReadonlyMap<number, number>;
  /** Registers live at the entry, and at the start of any node the unit had when it was typed. */
  readonly live: number;
  readonly liveAt: (node: number) => number;
}

/** Work space shared by the units of a program. */
export class TypingScratch {
  readonly bits: Uint16Array;
  readonly dst: Int32Array;
  readonly src: Int32Array;
  readonly def: Int32Array;
  /** Number of the unit a slot was last seen in. */
  readonly seen: Int32Array;
  units = 0;

  constructor(slots: number) {
    this.seen = new Int32Array(slots);
    this.bits = new Uint16Array(slots);
    this.dst = new Int32Array(slots);
    this.src = new Int32Array(slots);
    this.def = new Int32Array(slots);
  }
}

/** How an operand is looked at: in its low half, in full, or in as much as the result is. */
const LOW = 0;
const FULL = 1;
const AS_RESULT = 2;

// 64-bit operations whose low half depends on the low halves of their operands alone.
const LOW_OPS = new Set<string>(["add", "sub", "mul", "and", "or", "xor", "neg", "mov"]);

/** True for a 64-bit operation that can be done on i32 locals when its result is one. */
export function isNarrowable(row: OpRow, insn: Insn): boolean {
  return LOW_OPS.has(row.op) || (row.op === "lsh" && row.source === "K" && (insn.imm & 63) < 32);
}

function dstUse(row: OpRow, insn: Insn, checked: boolean): number {
  const { op, width, format } = row;
  if (format === "st" || format === "stx" || row.class === "stx") return checked ? FULL : LOW;
  if (width <= 32) return LOW;
  if (format === "alu_k" || format === "alu_x" || format === "neg") {
    if (op === "and" && row.source === "K" && insn.imm >= 0) return LOW;
    if (op === "lsh" && row.source === "K" && (insn.imm & 63) >= 32) return LOW;
    return isNarrowable(row, insn) ? AS_RESULT : FULL;
  }
  if (op === "jset" && row.source === "K" && insn.imm >= 0) return LOW;
  return FULL;
}

function srcUse(row: OpRow, insn: Insn, checked: boolean): number {
  const { op, width } = row;
  if (op === "ldx" || op === "ldsx" || op === "load_acquire") return checked ? FULL : LOW;
  if (width <= 32 || op === "movsx" || op === "lsh" || op === "rsh" || op === "arsh") return LOW;
  return isNarrowable(row, insn) && row.class === "alu64" ? AS_RESULT : FULL;
}

/** How far a result is zero-extended. */
const SMALL = 0;
const WIDE = 1;
const IF_DST = 2;
const IF_SRC = 3;
const IF_BOTH = 4;

function result64(row: OpRow, { imm }: Insn): number {
  const constant = row.source === "K";
  switch (row.op) {
    case "mov":
      return constant ? (imm >= 0 ? SMALL : WIDE) : IF_SRC;
    case "and":
      return constant ? (imm >= 0 ? SMALL : IF_DST) : IF_BOTH;
    case "or":
    case "xor":
      return constant ? (imm >= 0 ? IF_DST : WIDE) : IF_BOTH;
    case "rsh":
      return constant && (imm & 63) >= 32 ? SMALL : IF_DST;
    case "mod":
      return constant && imm > 0 ? SMALL : IF_DST;
    case "div":
    case "to_le":
      return IF_DST;
    default:
      return WIDE;
  }
}

function resultOf(row: OpRow, insn: Insn): number {
  if (row.op === "ldsx") return WIDE;
  if (row.format === "end" || row.class !== "alu64")
    return row.width <= 32 ? SMALL : row.op === "to_le" ? IF_DST : WIDE;
  return result64(row, insn);
}

// The slots of a node, those folded into it last.
function* slotsOfNode(unit: Unit, node: number, { rows }: Effects): Generator<number> {
  for (let slot = unit.first[node]; slot < unit.end[node]; slot += slotsOf(rows[slot])) yield slot;
  for (let slot = unit.foldFirst[node]; slot < unit.foldEnd[node]; slot += slotsOf(rows[slot])) yield slot;
}

/** Types the values of a unit; `live` as `liveness` gives it. */
export function typesOf(
  unit: Unit,
  live: Uint32Array,
  effects: Effects,
  facts: TypingFacts,
  scratch: TypingScratch,
): Typing {
  return new UnitTyping(unit, live, effects, facts, scratch).typing();
}

// The values of a unit as they are found going through its nodes, each node once.
class UnitTyping {
  readonly #unit: Unit;
  readonly #live: Uint32Array;
  readonly #effects: Effects;
  readonly #facts: TypingFacts;
  readonly #scratch: TypingScratch;
  readonly #number: number;
  readonly #webs = new Webs();
  readonly #registers: number;
  /** The values registers have at the start of each node, -1 for those that are not live. */
  readonly #entry: Int32Array;
  /** r10 is never written: one small value for all. */
  readonly #frame: number;
  /** Values of operands without a name: by slot, r0 of a cmpxchg or an exit, or r1-r5 of a call. */
  readonly #extra = new Map<number, number[]>();
  /** The values registers have at the instruction that is looked at. */
  readonly #current = new Int32Array(REGISTERS);

  constructor(unit: Unit, live: Uint32Array, effects: Effects, facts: TypingFacts, scratch: TypingScratch) {
    this.#unit = unit;
    this.#live = live;
    this.#effects = effects;
    this.#facts = facts;
    this.#scratch = scratch;
    this.#number = ++scratch.units;
    const count = unit.kind.length;
    // Most units have no words of the frame in registers, and long ones none: their tables need no place for them.
    const registers = live.some((mask) => mask >> REG_FP !== 0) ? REGISTERS : REG_FP;
    this.#registers = registers;
    this.#entry = new Int32Array(count * registers).fill(-1);
    for (let node = 0; node < count; node++) {
      for (let reg = 0; reg < registers; reg++)
        if (live[node] & (1 << reg)) this.#entry[node * registers + reg] = this.#webs.add();
    }
    this.#frame = this.#webs.add();
    for (let reg = 0; reg < registers; reg++) {
      if (this.#entry[reg] !== -1 && !(facts.entrySmall & (1 << reg))) this.#webs.notSmall(this.#entry[reg]);
    }
  }

  typing(): Typing {
    for (let node = 0; node < this.#unit.kind.length; node++) this.#visitNode(node);
    this.#webs.solve();
    const live = this.#live;
    return {
      bits: this.#scratch.bits,
      entry: this.#narrowAt(0),
      leave: this.#mark(),
      live: live[0],
      liveAt: (node) => live[node],
    };
  }

  #visitNode(node: number): void {
    const { kind, succ } = this.#unit;
    this.#current.fill(-1);
    for (let reg = 0; reg < this.#registers; reg++) this.#current[reg] = this.#entry[node * this.#registers + reg]!;
    this.#current[REG_FP] = this.#frame;
    if (kind[node] === NODE_CODE) this.#visitCode(node);
    else if (kind[node] === NODE_LEAVE) this.#visitLeave(node);
    else if (kind[node] === NODE_GUARD) this.#visitGuard(node);
    for (const target of succ[node]) {
      for (let reg = 0; reg < this.#registers; reg++) {
        const web = this.#entry[target * this.#registers + reg];
        if (web !== -1) this.#webs.union(this.#current[reg], web);
      }
    }
  }

  #visitCode(node: number): void {
    const { first, end, foldFirst, foldEnd } = this.#unit;
    const { insns, rows } = this.#effects;
    for (let slot = first[node]; slot < end[node]; slot += slotsOf(rows[slot])) {
      const row = rows[slot];
      if (row !== undefined) this.#visit(slot, row, insns[slot]);
    }
    for (let slot = foldFirst[node]; slot < foldEnd[node]; slot += slotsOf(rows[slot])) {
      const row = rows[slot];
      if (row?.op !== "mov") continue;
      // The value moved and the one it may replace are one from here on.
      const reg = insns[slot].dst_reg;
      const before = this.#current[reg];
      this.#visit(slot, row, insns[slot]);
      if (before !== -1) this.#webs.union(before, this.#current[reg]);
    }
  }

  #visitLeave(node: number): void {
    for (let reg = 0; reg < this.#registers; reg++)
      if (this.#live[node] & (1 << reg)) this.#webs.notLow(this.#current[reg]);
  }

  #visitGuard(node: number): void {
    const { counter, limit, wide } = this.#unit.guards.get(node)!;
    if (!wide) return;
    this.#webs.notLow(this.#current[counter]);
    if (limit !== -1) this.#webs.notLow(this.#current[limit]);
  }

  // A slot that stands in several nodes (counted-loops.ts) has one typing: its values are the same webs everywhere.
  #visit(slot: number, row: OpRow, insn: Insn): void {
    const { dst, src, def, seen } = this.#scratch;
    if (seen[slot] !== this.#number) {
      seen[slot] = this.#number;
      return this.#visitOnce(slot, row, insn);
    }
    const [d, s, result, others] = [dst[slot], src[slot], def[slot], this.#extra.get(slot)];
    this.#visitOnce(slot, row, insn);
    for (const field of row.reads) {
      if (field === "dst_reg") this.#webs.union(d, dst[slot]);
      else this.#webs.union(s, src[slot]);
    }
    if (this.#effects.writes[slot] !== 0) this.#webs.union(result, def[slot]);
    for (const [i, web] of (this.#extra.get(slot) ?? []).entries()) if (web !== -1) this.#webs.union(web, others![i]);
    return undefined;
  }

  #visitOnce(slot: number, row: OpRow, insn: Insn): void {
    const { dst, src } = this.#scratch;
    const current = this.#current;
    if (row.op === "callx") this.#webs.notLow((dst[slot] = current[insn.dst_reg]!));
    if (row.op === "call" || row.op === "callx") return this.#call(slot);
    if (row.op === "exit") {
      this.#extra.set(slot, [current[0]]);
      return this.#facts.resultUsed ? this.#webs.notLow(current[0]) : undefined;
    }
    const from = (dst[slot] = current[insn.dst_reg]!);
    const other = (src[slot] = current[insn.src_reg]!);
    if (row.op === "cmpxchg") {
      this.#extra.set(slot, [current[0]]);
      if (row.width === 64) this.#webs.notLow(current[0]);
    }
    const target = row.op === "cmpxchg" ? 0 : row.writes === undefined ? -1 : insn[row.writes];
    const result = target === -1 ? -1 : this.#define(slot, target);
    const { checked } = this.#facts;
    for (const field of row.reads) {
      if (field === "dst_reg") this.#use(from, dstUse(row, insn, checked), result);
      else this.#use(other, srcUse(row, insn, checked), result);
    }
    if (result === -1) return undefined;
    const kind = row.op === "ld_imm64" ? (this.#facts.smallConstant(slot) ? SMALL : WIDE) : resultOf(row, insn);
    if (kind === WIDE) this.#webs.notSmall(result);
    if (kind === IF_DST || kind === IF_BOTH) this.#webs.smallIf(from, result);
    if (kind === IF_SRC || kind === IF_BOTH) this.#webs.smallIf(other, result);
    return undefined;
  }

  #call(slot: number): void {
    const { low, zeroExtended } = this.#facts.callTyping(slot);
    const args: number[] = [];
    for (let reg = 1; reg <= 5; reg++) {
      const passed = (this.#effects.reads[slot] & (1 << reg)) !== 0;
      args.push(passed ? this.#current[reg] : -1);
      if (passed && !(low & (1 << reg))) this.#webs.notLow(this.#current[reg]);
    }
    this.#extra.set(slot, args);
    const result = this.#define(slot, 0);
    if (!zeroExtended) this.#webs.notSmall(result);
  }

  #use(web: number, how: number, result: number): void {
    if (how === FULL) this.#webs.notLow(web);
    else if (how === AS_RESULT) this.#webs.lowIf(result, web);
  }

  #define(slot: number, reg: number): number {
    const web = this.#webs.add();
    this.#scratch.def[slot] = web;
    this.#current[reg] = web;
    return web;
  }

  /** Mask of the registers that are i32 at a node's start. */
  #narrowAt(node: number): number {
    let mask = 0;
    for (let reg = 0; reg < this.#registers; reg++) {
      const web = this.#entry[node * this.#registers + reg];
      if (web !== -1 && this.#webs.isI32(web)) mask |= 1 << reg;
    }
    return mask;
  }

  // Sets the bits of every slot; gives the masks of the nodes that are none of code.
  #mark(): Map<number, number> {
    const { kind } = this.#unit;
    const leave = new Map<number, number>();
    for (let node = 0; node < kind.length; node++) {
      if (kind[node] === NODE_LEAVE || kind[node] === NODE_GUARD) leave.set(node, this.#narrowAt(node));
      if (kind[node] !== NODE_CODE) continue;
      for (const slot of slotsOfNode(this.#unit, node, this.#effects)) {
        const row = this.#effects.rows[slot];
        if (row !== undefined) this.#scratch.bits[slot] = this.#bitsOf(slot, row);
      }
    }
    return leave;
  }

  #bitsOf(slot: number, row: OpRow): number {
    const { dst, src, def } = this.#scratch;
    const webs = this.#webs;
    const others = this.#extra.get(slot);
    let mask = 0;
    if (row.op === "call" || row.op === "callx") {
      if (row.op === "callx" && webs.isI32(dst[slot])) mask |= DST_I32;
      for (let i = 0; i < 5; i++) if (others![i] !== -1 && webs.isI32(others![i])) mask |= ARG1_I32 << i;
      return webs.isI32(def[slot]) ? mask | DEF_I32 : mask;
    }
    if (others !== undefined && webs.isI32(others[0])) mask |= R0_I32;
    for (const field of row.reads) {
      if (field === "dst_reg" && webs.isI32(dst[slot])) mask |= DST_I32;
      if (field === "src_reg" && webs.isI32(src[slot])) mask |= SRC_I32;
    }
    return this.#effects.writes[slot] !== 0 && webs.isI32(def[slot]) ? mask | DEF_I32 : mask;
  }
}
