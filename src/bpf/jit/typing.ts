// Decides which values live in i32 locals. A BPF register holds unrelated values one after the other; each such value (a
// web: definitions and the uses they reach, joined where paths meet) is judged on its own and is an i32 when either
//   - all its definitions are zero-extended 32-bit numbers, so that nothing is lost, or
//   - all its uses look at the low 32 bits alone, such as the address of a load in verified code.
// All webs of register k share two locals, an i64 and an i32, so there are few however long the program.

import { REG_FP, REGISTERS, slotsOf, type Effects } from "./effects.ts";
import { NODE_CODE, NODE_GUARD, NODE_LEAVE, type Unit } from "./unit.ts";
import type { Insn, OpRow } from "../isa/index.ts";

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

// Union-find over values, with the two properties and the edges along which they are lost.
class Webs {
  readonly parent: number[] = [];
  readonly #small: boolean[] = [];
  readonly #low: boolean[] = [];
  readonly #smallEdges: number[] = [];
  readonly #lowEdges: number[] = [];

  add(): number {
    this.#small.push(true);
    this.#low.push(true);
    return this.parent.push(this.parent.length) - 1;
  }

  find(web: number): number {
    let root = web;
    while (this.parent[root] !== root) root = this.parent[root]!;
    for (let at = web; at !== root;) {
      const up = this.parent[at];
      this.parent[at] = root;
      at = up;
    }
    return root;
  }

  union(a: number, b: number): void {
    const x = this.find(a);
    const y = this.find(b);
    if (x !== y) this.parent[x] = y;
  }

  notSmall(web: number): void {
    this.#small[web] = false;
  }

  notLow(web: number): void {
    this.#low[web] = false;
  }

  /** `to` is small only if `from` is. */
  smallIf(from: number, to: number): void {
    this.#smallEdges.push(from, to);
  }

  /** `to` is low only if `from` is held in 32 bits. */
  lowIf(from: number, to: number): void {
    this.#lowEdges.push(from, to);
  }

  /** True when the web is an i32; to be asked after `solve`. */
  isI32(web: number): boolean {
    const root = this.find(web);
    return this.#small[root] || this.#low[root];
  }

  isSmall(web: number): boolean {
    return this.#small[this.find(web)];
  }

  solve(): void {
    const { length } = this.parent;
    for (let web = 0; web < length; web++) {
      const root = this.find(web);
      if (!this.#small[web]) this.#small[root] = false;
      if (!this.#low[web]) this.#low[root] = false;
    }
    spread(this, this.#smallEdges, this.#small, () => false);
    spread(this, this.#lowEdges, this.#low, (web) => this.#small[web]);
  }
}

// Takes the property from every web an edge leads to from a web without it, unless `excused`.
function spread(webs: Webs, edges: readonly number[], property: boolean[], excused: (web: number) => boolean): void {
  const start = new Int32Array(property.length + 1);
  const roots = edges.map((web) => webs.find(web));
  for (let i = 0; i < roots.length; i += 2) start[roots[i] + 1]++;
  for (let web = 0; web < property.length; web++) start[web + 1] += start[web];
  const fill = start.slice();
  const targets = new Int32Array(roots.length / 2);
  for (let i = 0; i < roots.length; i += 2) targets[fill[roots[i]]++] = roots[i + 1]!;
  const work: number[] = [];
  for (let web = 0; web < property.length; web++)
    if (webs.find(web) === web && !property[web] && !excused(web)) work.push(web);
  while (work.length > 0) {
    const web = work.pop()!;
    for (let i = start[web]; i < start[web + 1]; i++) {
      const target = targets[i];
      if (!property[target]) continue;
      property[target] = false;
      if (!excused(target)) work.push(target);
    }
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
  const { insns, rows, reads } = effects;
  const { bits, dst, src, def, seen } = scratch;
  const unitNumber = ++scratch.units;
  const webs = new Webs();
  const count = unit.kind.length;
  // Most units have no words of the frame in registers, and long ones none: their tables need no place for them.
  const registers = live.some((mask) => mask >> REG_FP !== 0) ? REGISTERS : REG_FP;
  const entry = new Int32Array(count * registers).fill(-1);
  for (let node = 0; node < count; node++) {
    for (let reg = 0; reg < registers; reg++) if (live[node] & (1 << reg)) entry[node * registers + reg] = webs.add();
  }
  // r10 is never written: one small value for all.
  const frame = webs.add();
  for (let reg = 0; reg < registers; reg++) {
    const web = entry[reg];
    if (web !== -1 && !(facts.entrySmall & (1 << reg))) webs.notSmall(web);
  }
  const extra = new Map<number, number[]>();
  const current = new Int32Array(REGISTERS);

  const use = (web: number, how: number, result: number): void => {
    if (how === FULL) webs.notLow(web);
    else if (how === AS_RESULT) webs.lowIf(result, web);
  };
  const define = (slot: number, reg: number): number => {
    const web = webs.add();
    def[slot] = web;
    current[reg] = web;
    return web;
  };
  const call = (slot: number): void => {
    const { low, zeroExtended } = facts.callTyping(slot);
    const args: number[] = [];
    for (let reg = 1; reg <= 5; reg++) {
      const passed = (reads[slot] & (1 << reg)) !== 0;
      args.push(passed ? current[reg] : -1);
      if (passed && !(low & (1 << reg))) webs.notLow(current[reg]);
    }
    extra.set(slot, args);
    if (!zeroExtended) webs.notSmall(define(slot, 0));
    else define(slot, 0);
  };
  const visitOnce = (slot: number, row: OpRow, insn: Insn): void => {
    if (row.op === "callx") webs.notLow((dst[slot] = current[insn.dst_reg]!));
    if (row.op === "call" || row.op === "callx") return call(slot);
    if (row.op === "exit") {
      extra.set(slot, [current[0]]);
      return facts.resultUsed ? webs.notLow(current[0]) : undefined;
    }
    const from = (dst[slot] = current[insn.dst_reg]!);
    const other = (src[slot] = current[insn.src_reg]!);
    if (row.op === "cmpxchg") {
      extra.set(slot, [current[0]]);
      if (row.width === 64) webs.notLow(current[0]);
    }
    const target = row.op === "cmpxchg" ? 0 : row.writes === undefined ? -1 : insn[row.writes];
    const result = target === -1 ? -1 : define(slot, target);
    for (const field of row.reads) {
      if (field === "dst_reg") use(from, dstUse(row, insn, facts.checked), result);
      else use(other, srcUse(row, insn, facts.checked), result);
    }
    if (result === -1) return undefined;
    const kind = row.op === "ld_imm64" ? (facts.smallConstant(slot) ? SMALL : WIDE) : resultOf(row, insn);
    if (kind === WIDE) webs.notSmall(result);
    if (kind === IF_DST || kind === IF_BOTH) webs.smallIf(from, result);
    if (kind === IF_SRC || kind === IF_BOTH) webs.smallIf(other, result);
    return undefined;
  };

  // A slot that stands in several nodes (counted-loops.ts) has one typing: its values are the same webs everywhere.
  const visit = (slot: number, row: OpRow, insn: Insn): void => {
    if (seen[slot] !== unitNumber) {
      seen[slot] = unitNumber;
      return visitOnce(slot, row, insn);
    }
    const [d, s, result, others] = [dst[slot], src[slot], def[slot], extra.get(slot)];
    visitOnce(slot, row, insn);
    for (const field of row.reads) {
      if (field === "dst_reg") webs.union(d, dst[slot]);
      else webs.union(s, src[slot]);
    }
    if (effects.writes[slot] !== 0) webs.union(result, def[slot]);
    for (const [i, web] of (extra.get(slot) ?? []).entries()) if (web !== -1) webs.union(web, others![i]);
    return undefined;
  };

  for (let node = 0; node < count; node++) {
    current.fill(-1);
    for (let reg = 0; reg < registers; reg++) current[reg] = entry[node * registers + reg]!;
    current[10] = frame;
    if (unit.kind[node] === NODE_CODE) {
      for (let slot = unit.first[node]; slot < unit.end[node]; slot += slotsOf(rows[slot])) {
        const row = rows[slot];
        if (row !== undefined) visit(slot, row, insns[slot]);
      }
      for (let slot = unit.foldFirst[node]; slot < unit.foldEnd[node]; slot += slotsOf(rows[slot])) {
        const row = rows[slot];
        if (row?.op !== "mov") continue;
        // The value moved and the one it may replace are one from here on.
        const reg = insns[slot].dst_reg;
        const before = current[reg];
        visit(slot, row, insns[slot]);
        if (before !== -1) webs.union(before, current[reg]);
      }
    } else if (unit.kind[node] === NODE_LEAVE) {
      for (let reg = 0; reg < registers; reg++) if (live[node] & (1 << reg)) webs.notLow(current[reg]);
    } else if (unit.kind[node] === NODE_GUARD) {
      const { counter, limit, wide } = unit.guards.get(node)!;
      if (wide) webs.notLow(current[counter]);
      if (wide && limit !== -1) webs.notLow(current[limit]);
    }
    for (const target of unit.succ[node]) {
      for (let reg = 0; reg < registers; reg++) {
        const web = entry[target * registers + reg];
        if (web !== -1) webs.union(current[reg], web);
      }
    }
  }
  webs.solve();

  const maskAt = (node: number): number => {
    let mask = 0;
    for (let reg = 0; reg < registers; reg++) {
      const web = entry[node * registers + reg];
      if (web !== -1 && webs.isI32(web)) mask |= 1 << reg;
    }
    return mask;
  };
  const leave = new Map<number, number>();
  for (let node = 0; node < count; node++) {
    if (unit.kind[node] === NODE_LEAVE || unit.kind[node] === NODE_GUARD) leave.set(node, maskAt(node));
    if (unit.kind[node] !== NODE_CODE) continue;
    for (const slot of slotsOfNode(unit, node, effects)) {
      const row = rows[slot];
      if (row === undefined) continue;
      let mask = 0;
      const others = extra.get(slot);
      if (row.op === "call" || row.op === "callx") {
        if (row.op === "callx" && webs.isI32(dst[slot])) mask |= DST_I32;
        for (let i = 0; i < 5; i++) if (others![i] !== -1 && webs.isI32(others![i])) mask |= ARG1_I32 << i;
        if (webs.isI32(def[slot])) mask |= DEF_I32;
      } else {
        if (others !== undefined && webs.isI32(others[0])) mask |= R0_I32;
        for (const field of row.reads) {
          if (field === "dst_reg" && webs.isI32(dst[slot])) mask |= DST_I32;
          if (field === "src_reg" && webs.isI32(src[slot])) mask |= SRC_I32;
        }
        if (effects.writes[slot] !== 0 && webs.isI32(def[slot])) mask |= DEF_I32;
      }
      bits[slot] = mask;
    }
  }
  return { bits, entry: maskAt(0), leave, live: live[0], liveAt: (node) => live[node] };
}
