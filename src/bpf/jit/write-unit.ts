// One unit to the code of one WebAssembly function: structure says where each node goes, this says what a node is.

import { ATOMIC, I32, I64, OP } from "../../wasm/index.ts";
import { CONTROL_ABORT } from "../vm/index.ts";
import { emitAlu } from "./emit-alu.ts";
import { emitCall, type CallPlan } from "./emit-call.ts";
import { emitIteratorLoad, emitIteratorTest } from "./emit-iterator.ts";
import { emitCondition, emitGuard } from "./emit-jump.ts";
import { emitConstant, emitMemory, emitStorePair } from "./emit-memory.ts";
import { FAULT_CODE, type FunctionContext, type Site } from "./context.ts";
import { FLOW_COND, FLOW_EXIT, FLOW_FAULT, FLOW_GOTO, slotsOf, type Effects } from "./effects.ts";
import type { IteratorUses } from "./iterator-uses.ts";
import { findStorePairs, type StorePairs } from "./store-pairs.ts";
import { findRotations, type Rotation, type Rotations } from "./rotates.ts";
import { formTables } from "./tables.ts";
import { structureOf, writeStructured, type NodeWriter } from "./structure.ts";
import { DEF_I32, DST_I32, R0_I32, SRC_I32, type Typing } from "./typing.ts";
import { hasFold, NODE_CODE, NODE_LEAVE, NODE_OUTSIDE, type Unit } from "./unit.ts";

/** How a unit is entered and left: a whole function with parameters and a result, or a piece between which globals carry r0-r9. */
export interface Boundary {
  /** Pieces: globals of r0-r9. */
  readonly registers?: readonly number[];
  /** Pieces: local that holds the place of the entry, as a parameter. */
  readonly state?: number;
}

/** What a unit's code is made from. */
export interface UnitSource {
  readonly unit: Unit;
  readonly effects: Effects;
  readonly typing: Typing;
  readonly boundary: Boundary;
  readonly callPlan: (slot: number) => CallPlan;
  /** Uses of iterators whose state is in locals. */
  readonly iterators?: IteratorUses | undefined;
  /** The turns may_goto has left, for functions that have it. */
  readonly budget: { get(): void; set(): void } | undefined;
}

/** Writes the unit. */
export function writeUnit(context: FunctionContext, source: UnitSource): void {
  const { unit, effects } = source;
  const plain = structureOf(unit);
  // a table cannot count turns, nor say on which way a dispatcher is reached
  const tables = !context.checked && !plain.dispatched && formTables(unit, effects);
  const structure = tables ? structureOf(unit) : plain;
  const writer = new UnitWriter(context, source, structure.isHeader.includes(1));
  writer.enter();
  writeStructured(structure, context.expr, writer);
  context.expr.op(OP.unreachable);
}

// What each node of a unit is written as.
class UnitWriter implements NodeWriter {
  readonly countsBackEdges: boolean;
  readonly #context: FunctionContext;
  readonly #source: UnitSource;
  readonly #rotations: Rotations;
  readonly #pairs: StorePairs | undefined;
  /** What is left of the budget, in a local where there are loops: it is counted down at every turn. */
  readonly #fuel: number | undefined;
  #state: number | undefined;

  constructor(context: FunctionContext, source: UnitSource, hasLoops: boolean) {
    const { unit, effects, boundary } = source;
    this.#context = context;
    this.#source = source;
    this.countsBackEdges = context.checked;
    this.#rotations = findRotations(unit, effects);
    this.#pairs = context.checked ? undefined : findStorePairs(unit, effects);
    this.#fuel = context.checked && hasLoops ? context.temp(I64, "fuel") : undefined;
    this.#state = boundary.state;
  }

  enter(): void {
    this.#reload();
  }

  body(node: number): void {
    const { unit, effects } = this.#source;
    if (unit.kind[node] === NODE_LEAVE) return this.#leave(node);
    if (unit.kind[node] === NODE_OUTSIDE) return this.#fault(unit.first[node]);
    if (unit.kind[node] !== NODE_CODE) return undefined;
    for (let slot = unit.first[node]; slot < unit.end[node]; slot += slotsOf(effects.rows[slot])) {
      this.#context.note(slot);
      const kind = effects.flow[slot];
      if (kind === FLOW_EXIT) this.#exit(slot);
      else if (kind === FLOW_FAULT) this.#fault(slot);
      else if (kind !== FLOW_GOTO && kind !== FLOW_COND) this.#instruction(slot);
    }
    if (hasFold(unit, node)) this.#folded(node);
    return undefined;
  }

  condition(node: number, negate: boolean): void {
    const { unit, effects, typing } = this.#source;
    const guard = unit.guards.get(node);
    if (guard !== undefined) return emitGuard(this.#context, guard, typing.leave.get(node) ?? 0, negate);
    const slot = unit.end[node] - 1;
    return effects.rows[slot]?.op === "may_goto" ? this.#mayGoto(negate) : this.#jump(slot, negate);
  }

  backEdge(node: number, target: number): void {
    if (this.#fuel === undefined) return;
    const { unit } = this.#source;
    const { expr, runtime } = this.#context;
    const slot = Math.max(0, unit.end[node] - 1);
    const good = expr.block();
    const bad = expr.block();
    expr.get(this.#fuel);
    // The instructions of one turn, by their places: exact for the loops compilers lay out in one piece. A dispatcher has no
    // place, and what goes through it is counted node by node.
    const from = unit.first[unit.kind[target] === NODE_CODE ? target : node];
    expr.i64(Math.max(1, slot + 1 - from), 0);
    expr.op(OP["i64.sub"]);
    expr.tee(this.#fuel);
    expr.i64(0, 0);
    expr.op(OP["i64.lt_s"]);
    expr.brIf(bad);
    expr.i32(0);
    expr.atomic(ATOMIC["i32.atomic.load"], 2, CONTROL_ABORT);
    expr.op(OP["i32.eqz"]);
    expr.brIf(good);
    expr.end();
    expr.i32(slot);
    this.#context.mark(slot);
    expr.call(runtime.stop);
    expr.op(OP.unreachable);
    expr.end();
  }

  setState(value: number): void {
    this.#context.expr.i32(value);
    this.#context.expr.set(this.#stateLocal());
  }

  selector(node: number): void {
    const { unit, effects, typing } = this.#source;
    const slot = unit.tables.get(node);
    if (slot === undefined) this.#context.expr.get(this.#stateLocal());
    else this.#context.get32(effects.insns[slot].dst_reg, (typing.bits[slot] & DST_I32) !== 0);
  }

  #stateLocal(): number {
    return (this.#state ??= this.#context.temp(I32, "state"));
  }

  #siteAt(slot: number): Site {
    const { effects, typing } = this.#source;
    return { slot, insn: effects.insns[slot], row: effects.rows[slot]!, bits: typing.bits[slot] };
  }

  #spill(): void {
    if (this.#fuel === undefined) return;
    this.#context.expr.get(this.#fuel);
    this.#context.expr.globalSet(this.#context.runtime.fuel);
  }

  #reload(): void {
    if (this.#fuel === undefined) return;
    this.#context.expr.globalGet(this.#context.runtime.fuel);
    this.#context.expr.set(this.#fuel);
  }

  #exit(slot: number): void {
    const { typing, boundary } = this.#source;
    const { expr } = this.#context;
    this.#spill();
    this.#context.get64(0, (typing.bits[slot] & R0_I32) !== 0);
    if (boundary.registers) {
      expr.globalSet(boundary.registers[0]);
      expr.i32(-1);
    }
    expr.op(OP.return);
  }

  #leave(node: number): void {
    const { unit, typing, boundary } = this.#source;
    const { expr } = this.#context;
    this.#spill();
    const narrow = typing.leave.get(node) ?? 0;
    const live = typing.liveAt(node);
    for (let reg = 0; reg < 10; reg++) {
      if (!(live & (1 << reg))) continue;
      this.#context.get64(reg, (narrow & (1 << reg)) !== 0);
      expr.globalSet(boundary.registers![reg]);
    }
    expr.i32(unit.first[node]);
    expr.op(OP.return);
  }

  #fault(slot: number): void {
    const { expr, runtime } = this.#context;
    expr.i32(FAULT_CODE);
    expr.i32(slot);
    expr.i32(0);
    this.#context.mark(slot);
    expr.call(runtime.fault);
    expr.op(OP.unreachable);
  }

  #instruction(slot: number): void {
    const { effects, callPlan, iterators } = this.#source;
    const context = this.#context;
    const site = this.#siteAt(slot);
    const saved = this.#rotations.bySave.get(slot);
    if (saved !== undefined) this.#saveForRotation(site, saved);
    const pair = this.#pairs?.get(slot);
    if (pair !== undefined) return emitStorePair(context, site, pair);
    if (this.#pairs?.has(slot - 1)) return undefined;
    const iterator = iterators?.loads.get(slot);
    if (iterator !== undefined) return emitIteratorLoad(context, site, iterator);
    const rotation = this.#rotations.byOr.get(slot);
    if (rotation !== undefined) return this.#rotate(site, rotation);
    switch (site.row.class) {
      case "alu":
      case "alu64":
        return emitAlu(context, site);
      case "ldx":
      case "st":
      case "stx":
        return emitMemory(context, site);
      case "ld":
        return emitConstant(context, site, effects.insns[slot + 1]?.imm ?? 0);
      default:
        this.#spill();
        emitCall(context, site, callPlan(slot), iterators);
        return this.#reload();
    }
  }

  #scratchOf({ wide, scratch }: Rotation): number {
    return this.#context.temp(wide ? I64 : I32, `rotate ${scratch}`);
  }

  #saveForRotation({ insn, bits }: Site, rotation: Rotation): void {
    this.#context.get(rotation.wide, insn.dst_reg, (bits & DST_I32) !== 0);
    this.#context.expr.set(this.#scratchOf(rotation));
  }

  #rotate({ insn, bits }: Site, rotation: Rotation): void {
    const { wide, amount } = rotation;
    const { expr } = this.#context;
    expr.get(this.#scratchOf(rotation));
    this.#context.immediate(wide, amount);
    expr.op(wide ? OP["i64.rotl"] : OP["i32.rotl"]);
    this.#context.set(wide, insn.dst_reg, (bits & DEF_I32) !== 0);
  }

  #jump(slot: number, negate: boolean): void {
    const iterator = this.#source.iterators?.tests.get(slot);
    if (iterator === undefined) emitCondition(this.#context, this.#siteAt(slot), negate);
    else emitIteratorTest(this.#context, this.#siteAt(slot), iterator, negate);
  }

  // Taken when nothing is left of the budget; else one turn less.
  #mayGoto(negate: boolean): void {
    const { expr } = this.#context;
    const budget = this.#source.budget!;
    budget.get();
    if (!negate) expr.op(OP["i32.eqz"]);
    budget.get();
    budget.get();
    expr.i32(0);
    expr.op(OP["i32.ne"]);
    expr.op(OP["i32.sub"]);
    budget.set();
  }

  // Each folded move keeps the old value when the jump would have skipped it.
  #folded(node: number): void {
    const { unit, effects } = this.#source;
    const { expr } = this.#context;
    this.#jump(unit.end[node] - 1, false);
    const skip = this.#context.temp(I32, "skip");
    expr.set(skip);
    for (let slot = unit.foldFirst[node]; slot < unit.foldEnd[node]; slot += slotsOf(effects.rows[slot])) {
      const site = this.#siteAt(slot);
      if (site.row.op !== "mov") continue;
      const { insn, bits } = site;
      const wide = (bits & DEF_I32) === 0;
      const local = wide ? this.#context.wide(insn.dst_reg) : this.#context.narrow(insn.dst_reg);
      expr.get(local);
      this.#moved(site, wide);
      expr.get(skip);
      expr.op(OP.select);
      expr.set(local);
    }
  }

  /** Pushes what a move moves. */
  #moved({ row, insn, bits }: Site, wide: boolean): void {
    const { expr } = this.#context;
    const narrow = (bits & SRC_I32) !== 0;
    if (row.source === "K") {
      if (wide) expr.i64(insn.imm, row.width === 64 ? insn.imm >> 31 : 0);
      else expr.i32(insn.imm);
    } else if (wide && row.width === 32) {
      this.#context.get32(insn.src_reg, narrow);
      expr.op(OP["i64.extend_i32_u"]);
    } else this.#context.get(wide, insn.src_reg, narrow);
  }
}

/** Loads the registers live at a piece's entry from their globals. */
export function enterPiece(context: FunctionContext, typing: Typing, registers: readonly number[]): void {
  for (let reg = 0; reg < 10; reg++) {
    if (!(typing.live & (1 << reg))) continue;
    context.expr.globalGet(registers[reg]);
    context.set64(reg, (typing.entry & (1 << reg)) !== 0);
  }
}

/** WebAssembly type of a register at a function's entry. */
export function entryType(typing: Typing, reg: number): typeof I32 | typeof I64 {
  return typing.entry & (1 << reg) ? I32 : I64;
}
