// Calls: to the program's own functions, to helpers and kfuncs that live in WebAssembly (number iterators, bpf_loop, lookups
// in array maps), and to those of the host, whose arguments cross as i32 wherever their kind allows it.

import { F64, I32, I64, OP, type WasmType } from "../../wasm/index.ts";
import type { MapImage, ParamKind, ResultKind, TableRow } from "../vm/index.ts";
import { FAULT_CALL_DEPTH, FAULT_HELPER, type FunctionContext, type Site } from "./context.ts";
import { emitIterator } from "./emit-iterator.ts";
import type { IteratorCall, IteratorUses } from "./iterator-uses.ts";
import { withFrame } from "./segment-check.ts";
import { ARG1_I32, DEF_I32, DST_I32 } from "./typing.ts";

/** How a value is handed to a callee. */
export type Signature = { readonly params: readonly ParamKind[]; readonly result: ResultKind };

/** What a call instruction becomes. */
export type CallPlan =
  /** A function of the program: the argument registers it takes, and those it takes as i32. */
  | {
      readonly kind: "local";
      readonly func: number;
      readonly args: number;
      readonly narrow: number;
      readonly mayOverflow: boolean;
    }
  /** A function of the host. `frame`: it may call back, and the callback's frame must be known. */
  | { readonly kind: "host"; readonly func: number; readonly signature: Signature; readonly frame: boolean }
  /** A function of the module, which takes the slot after its arguments; `frame`: the callee's frame before them. */
  | { readonly kind: "runtime"; readonly func: number; readonly signature: Signature; readonly frame: boolean }
  | { readonly kind: "array-lookup"; readonly map: MapImage }
  | { readonly kind: "constant"; readonly value: number }
  /** A function of the host that is no more than a table (Callee.table), and the rows that may apply. */
  | { readonly kind: "table"; readonly rows: readonly TableRow[]; readonly signature: Signature }
  /** A call on a number iterator at `offset` from r10 that no other function knows: its state is in locals (emit-iterator.ts). */
  | ({ readonly kind: "iterator"; readonly signature: Signature } & IteratorCall)
  /** A helper whose number is in a register: (number i32, r1 .. r5) -> r0, all i64. */
  | { readonly kind: "indirect"; readonly func: number }
  /** Nothing by that number or name: a `helper` fault. */
  | { readonly kind: "missing" };

/** WebAssembly type of a parameter kind. */
export function typeOfParam(kind: ParamKind): WasmType {
  return kind === "i64" ? I64 : kind === "num" ? F64 : I32;
}

/** WebAssembly types of a result kind. */
export function typesOfResult(kind: ResultKind): WasmType[] {
  return kind === "void" ? [] : kind === "i64" ? [I64] : [I32];
}

/** Parameter registers (a mask of r1-r5) of which only the low half is looked at. */
export function lowParams(params: readonly ParamKind[], checked: boolean): number {
  let mask = 0;
  for (const [i, kind] of params.entries()) if (kind === "i32" || (kind === "ptr" && !checked)) mask |= 2 << i;
  return mask;
}

function argIsI32({ bits }: Site, reg: number): boolean {
  return (bits & (ARG1_I32 << (reg - 1))) !== 0;
}

function pushArgument(context: FunctionContext, site: Site, kind: ParamKind, reg: number): void {
  const { expr, runtime } = context;
  const isI32 = argIsI32(site, reg);
  switch (kind) {
    case "i64":
      return context.get64(reg, isI32);
    case "num":
      context.get64(reg, isI32);
      return expr.op(OP["f64.convert_i64_u"]);
    case "i32":
      return context.get32(reg, isI32);
    case "ptr":
      if (!context.checked) return context.get32(reg, isI32);
      context.get64(reg, isI32);
      expr.i32(site.slot);
      return expr.call(runtime.pointer);
    case "func":
      context.get64(reg, isI32);
      expr.i32(site.slot);
      expr.i32(reg);
      return expr.call(runtime.funcSlot);
  }
}

// Pops a callee's result into r0.
function storeResult(context: FunctionContext, { bits }: Site, kind: ResultKind): void {
  const { expr } = context;
  const toI32 = (bits & DEF_I32) !== 0;
  if (kind === "void") expr.i32(0);
  if (kind === "i64") context.set64(0, toI32);
  else if (kind === "i32" && !toI32) {
    expr.op(OP["i64.extend_i32_s"]);
    context.set64(0, false);
  } else context.set32(0, toI32);
}

function localCall(context: FunctionContext, site: Site, plan: Extract<CallPlan, { kind: "local" }>): void {
  const { expr, runtime } = context;
  if (plan.mayOverflow) {
    expr.get(context.frameLow);
    expr.i32(runtime.stackStart);
    expr.op(OP["i32.le_u"]);
    expr.if();
    expr.i32(FAULT_CALL_DEPTH);
    expr.i32(site.slot);
    expr.i32(0);
    expr.call(runtime.fault);
    expr.end();
  }
  if (context.checked) {
    expr.i32(site.slot);
    expr.i32(1);
    expr.call(runtime.poll);
  }
  expr.get(context.frameLow);
  for (let reg = 1; reg <= 5; reg++) {
    if (plan.args & (1 << reg)) context.get((plan.narrow & (1 << reg)) === 0, reg, argIsI32(site, reg));
  }
  if (context.checked) withFrame(expr, context.frameLow, context.temp(I32, "row"), () => expr.call(plan.func));
  else expr.call(plan.func);
  context.set64(0, (site.bits & DEF_I32) !== 0);
}

// values + index * stride, or NULL; the index is where r2 points.
function arrayLookup(context: FunctionContext, site: Site, map: MapImage): void {
  const { expr, runtime } = context;
  const index = context.temp(I32, "index");
  if (context.checked) {
    context.get64(2, argIsI32(site, 2));
    expr.i32(4);
    expr.i32(site.slot);
    expr.get(context.frameLow);
    expr.call(runtime.checkRead);
  } else context.get32(2, argIsI32(site, 2));
  context.mark(site.slot);
  expr.memory(OP["i32.load"], 0);
  expr.set(index);
  if (map.max_entries === 1) expr.i32(map.values);
  else {
    expr.get(index);
    expr.i32(map.stride);
    expr.op(OP["i32.mul"]);
    expr.i32(map.values);
    expr.op(OP["i32.add"]);
  }
  expr.i32(0);
  expr.get(index);
  expr.i32(map.max_entries);
  expr.op(OP["i32.lt_u"]);
  expr.op(OP.select);
  context.set32(0, (site.bits & DEF_I32) !== 0);
}

function tableLookup(context: FunctionContext, site: Site, rows: readonly TableRow[]): void {
  const { expr } = context;
  for (const { value } of rows) expr.i32(value);
  expr.i32(0);
  for (const { first, second, atMost } of rows.toReversed()) {
    for (const [i, expected] of [first, second].entries()) {
      context.get32(i + 1, argIsI32(site, i + 1));
      expr.i32(expected);
      expr.op(OP["i32.eq"]);
    }
    expr.op(OP["i32.and"]);
    context.get32(3, argIsI32(site, 3));
    expr.i32(atMost);
    expr.op(OP["i32.le_u"]);
    expr.op(OP["i32.and"]);
    expr.op(OP.select);
  }
  context.set32(0, (site.bits & DEF_I32) !== 0);
}

/** Writes a call. */
export function emitCall(
  context: FunctionContext,
  site: Site,
  plan: CallPlan,
  iterators: IteratorUses | undefined,
): void {
  const { expr, runtime } = context;
  switch (plan.kind) {
    case "local":
      context.mark(site.slot);
      return localCall(context, site, plan);
    case "array-lookup":
      return arrayLookup(context, site, plan.map);
    case "table":
      return tableLookup(context, site, plan.rows);
    case "iterator":
      emitIterator(context, plan, iterators?.plain.has(plan.offset) === true, (reg) =>
        context.get32(reg, argIsI32(site, reg)),
      );
      return storeResult(context, site, plan.signature.result);
    case "constant":
      expr.i32(plan.value);
      return context.set32(0, (site.bits & DEF_I32) !== 0);
    case "missing":
      expr.i32(FAULT_HELPER);
      expr.i32(site.slot);
      expr.i32(0);
      expr.call(runtime.fault);
      return expr.op(OP.unreachable);
    case "host":
      expr.i32(site.slot);
      expr.globalSet(runtime.slotGlobal);
      if (plan.frame) {
        expr.get(context.frameLow);
        expr.globalSet(runtime.frameGlobal);
      }
      for (const [i, kind] of plan.signature.params.entries()) pushArgument(context, site, kind, i + 1);
      context.mark(site.slot);
      expr.call(plan.func);
      return storeResult(context, site, plan.signature.result);
    case "indirect":
      expr.i32(site.slot);
      expr.globalSet(runtime.slotGlobal);
      expr.get(context.frameLow);
      expr.globalSet(runtime.frameGlobal);
      context.get32(site.insn.dst_reg, (site.bits & DST_I32) !== 0);
      for (let reg = 1; reg <= 5; reg++) context.get64(reg, argIsI32(site, reg));
      context.mark(site.slot);
      expr.call(plan.func);
      return storeResult(context, site, "i64");
    case "runtime":
      if (plan.frame) expr.get(context.frameLow);
      for (const [i, kind] of plan.signature.params.entries()) pushArgument(context, site, kind, i + 1);
      expr.i32(site.slot);
      context.mark(site.slot);
      expr.call(plan.func);
      return storeResult(context, site, plan.signature.result);
  }
}
