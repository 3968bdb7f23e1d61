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
import { findStorePairs } from "./store-pairs.ts";
import { findRotations, type Rotation } from "./rotates.ts";
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

/** Writes the unit; gives false when dispatchers were needed, which only speed depends on. */
export function writeUnit(context: FunctionContext, source: UnitSource): void {
  const { unit, effects, typing, boundary, callPlan, iterators } = source;
  const { expr } = context;
  const { insns, rows, flow } = effects;
  const plain = structureOf(unit);
  // a table cannot count turns, nor say on which way a dispatcher is reached
  const tables = !context.checked && !plain.dispatched && formTables(unit, effects);
  const structure = tables ? structureOf(unit) : plain;
  let state = boundary.state;
  const stateLocal = (): number => (state ??= context.temp(I32, "state"));

  const siteAt = (slot: number): Site => ({ slot, insn: insns[slot], row: rows[slot]!, bits: typing.bits[slot] });

  // What is left of the budget, in a local where there are loops: it is counted down at every turn.
  const fuel = context.checked && structure.isHeader.includes(1) ? context.temp(I64, "fuel") : undefined;
  const spill = (): void => {
    if (fuel === undefined) return;
    expr.get(fuel);
    expr.globalSet(context.runtime.fuel);
  };
  const reload = (): void => {
    if (fuel === undefined) return;
    expr.globalGet(context.runtime.fuel);
    expr.set(fuel);
  };
  const exit = (slot: number): void => {
    spill();
    context.get64(0, (typing.bits[slot] & R0_I32) !== 0);
    if (boundary.registers) {
      expr.globalSet(boundary.registers[0]);
      expr.i32(-1);
    }
    expr.op(OP.return);
  };
  const leave = (node: number): void => {
    spill();
    const narrow = typing.leave.get(node) ?? 0;
    const live = typing.liveAt(node);
    for (let reg = 0; reg < 10; reg++) {
      if (!(live & (1 << reg))) continue;
      context.get64(reg, (narrow & (1 << reg)) !== 0);
      expr.globalSet(boundary.registers![reg]);
    }
    expr.i32(unit.first[node]);
    expr.op(OP.return);
  };
  const fault = (slot: number): void => {
    expr.i32(FAULT_CODE);
    expr.i32(slot);
    expr.i32(0);
    context.mark(slot);
    expr.call(context.runtime.fault);
    expr.op(OP.unreachable);
  };
  const rotations = findRotations(unit, effects);
  const pairs = context.checked ? undefined : findStorePairs(unit, effects);
  const scratchOf = ({ wide, scratch }: Rotation): number => context.temp(wide ? I64 : I32, `rotate ${scratch}`);
  const rotate = (site: Site, rotation: Rotation): void => {
    const { wide, amount } = rotation;
    expr.get(scratchOf(rotation));
    context.immediate(wide, amount);
    expr.op(wide ? OP["i64.rotl"] : OP["i32.rotl"]);
    context.set(wide, site.insn.dst_reg, (site.bits & DEF_I32) !== 0);
  };
  const jumps = (slot: number, negate: boolean): void => {
    const iterator = iterators?.tests.get(slot);
    if (iterator === undefined) emitCondition(context, siteAt(slot), negate);
    else emitIteratorTest(context, siteAt(slot), iterator, negate);
  };
  // Each folded move keeps the old value when the jump would have skipped it.
  const folded = (node: number): void => {
    jumps(unit.end[node] - 1, false);
    const skip = context.temp(I32, "skip");
    expr.set(skip);
    for (let slot = unit.foldFirst[node]; slot < unit.foldEnd[node]; slot += slotsOf(rows[slot])) {
      const site = siteAt(slot);
      if (site.row.op !== "mov") continue;
      const { row, insn, bits } = site;
      const wide = (bits & DEF_I32) === 0;
      const local = wide ? context.wide(insn.dst_reg) : context.narrow(insn.dst_reg);
      expr.get(local);
      if (row.source === "K") {
        if (wide) expr.i64(insn.imm, row.width === 64 ? insn.imm >> 31 : 0);
        else expr.i32(insn.imm);
      } else if (wide && row.width === 32) {
        context.get32(insn.src_reg, (bits & SRC_I32) !== 0);
        expr.op(OP["i64.extend_i32_u"]);
      } else context.get(wide, insn.src_reg, (bits & SRC_I32) !== 0);
      expr.get(skip);
      expr.op(OP.select);
      expr.set(local);
    }
  };
  const instruction = (slot: number): void => {
    const site = siteAt(slot);
    const saved = rotations.bySave.get(slot);
    if (saved !== undefined) {
      context.get(saved.wide, site.insn.dst_reg, (site.bits & DST_I32) !== 0);
      expr.set(scratchOf(saved));
    }
    const pair = pairs?.get(slot);
    if (pair !== undefined) return emitStorePair(context, site, pair);
    if (pairs?.has(slot - 1)) return undefined;
    const iterator = iterators?.loads.get(slot);
    if (iterator !== undefined) return emitIteratorLoad(context, site, iterator);
    const rotation = rotations.byOr.get(slot);
    if (rotation !== undefined) return rotate(site, rotation);
    switch (site.row.class) {
      case "alu":
      case "alu64":
        return emitAlu(context, site);
      case "ldx":
      case "st":
      case "stx":
        return emitMemory(context, site);
      case "ld":
        return emitConstant(context, site, insns[slot + 1]?.imm ?? 0);
      default:
        spill();
        emitCall(context, site, callPlan(slot), iterators);
        return reload();
    }
  };

  const selector = (slot: number): void => {
    context.get32(insns[slot].dst_reg, (typing.bits[slot] & DST_I32) !== 0);
  };

  const writer: NodeWriter = {
    body(node) {
      if (unit.kind[node] === NODE_LEAVE) return leave(node);
      if (unit.kind[node] === NODE_OUTSIDE) return fault(unit.first[node]);
      if (unit.kind[node] !== NODE_CODE) return undefined;
      for (let slot = unit.first[node]; slot < unit.end[node]; slot += slotsOf(rows[slot])) {
        context.note(slot);
        const kind = flow[slot];
        if (kind === FLOW_EXIT) exit(slot);
        else if (kind === FLOW_FAULT) fault(slot);
        else if (kind !== FLOW_GOTO && kind !== FLOW_COND) instruction(slot);
      }
      if (hasFold(unit, node)) folded(node);
      return undefined;
    },
    condition(node, negate) {
      const guard = unit.guards.get(node);
      if (guard !== undefined) return emitGuard(context, guard, typing.leave.get(node) ?? 0, negate);
      const slot = unit.end[node] - 1;
      if (rows[slot]?.op !== "may_goto") return jumps(slot, negate);
      const budget = source.budget!;
      // Taken when nothing is left; else one turn less.
      budget.get();
      if (!negate) expr.op(OP["i32.eqz"]);
      budget.get();
      budget.get();
      expr.i32(0);
      expr.op(OP["i32.ne"]);
      expr.op(OP["i32.sub"]);
      budget.set();
      return undefined;
    },
    countsBackEdges: context.checked,
    backEdge(node, target) {
      if (!context.checked) return;
      const slot = Math.max(0, unit.end[node] - 1);
      const good = expr.block();
      const bad = expr.block();
      expr.get(fuel!);
      // The instructions of one turn, by their places: exact for the loops compilers lay out in one piece. A dispatcher has no
      // place, and what goes through it is counted node by node.
      const from = unit.first[unit.kind[target] === NODE_CODE ? target : node];
      expr.i64(Math.max(1, slot + 1 - from), 0);
      expr.op(OP["i64.sub"]);
      expr.tee(fuel!);
      expr.i64(0, 0);
      expr.op(OP["i64.lt_s"]);
      expr.brIf(bad);
      expr.i32(0);
      expr.atomic(ATOMIC["i32.atomic.load"], 2, CONTROL_ABORT);
      expr.op(OP["i32.eqz"]);
      expr.brIf(good);
      expr.end();
      expr.i32(slot);
      context.mark(slot);
      expr.call(context.runtime.stop);
      expr.op(OP.unreachable);
      expr.end();
    },
    setState(value) {
      expr.i32(value);
      expr.set(stateLocal());
    },
    selector(node) {
      const slot = unit.tables.get(node);
      if (slot === undefined) expr.get(stateLocal());
      else selector(slot);
    },
  };
  reload();
  writeStructured(structure, expr, writer);
  expr.op(OP.unreachable);
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
