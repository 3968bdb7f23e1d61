// ALU instructions (RFC 9669 section 4.1) in WebAssembly, at the width typing allows: a 64-bit addition whose result is only
// ever an address is an i32.add here.

import { I32, I64, OP } from "../../wasm/index.ts";
import type { FunctionContext, Site } from "./context.ts";
import { DEF_I32, DST_I32, isNarrowable, SRC_I32 } from "./typing.ts";

/** Operations that are one WebAssembly instruction on two operands: [i32, i64]. */
const DIRECT: Readonly<Record<string, readonly [number, number]>> = {
  add: [OP["i32.add"], OP["i64.add"]],
  sub: [OP["i32.sub"], OP["i64.sub"]],
  mul: [OP["i32.mul"], OP["i64.mul"]],
  and: [OP["i32.and"], OP["i64.and"]],
  or: [OP["i32.or"], OP["i64.or"]],
  xor: [OP["i32.xor"], OP["i64.xor"]],
  lsh: [OP["i32.shl"], OP["i64.shl"]],
  rsh: [OP["i32.shr_u"], OP["i64.shr_u"]],
  arsh: [OP["i32.shr_s"], OP["i64.shr_s"]],
};

/** [i32, i64] of the divisions. */
const DIVISION: Readonly<Record<string, readonly [number, number]>> = {
  div: [OP["i32.div_u"], OP["i64.div_u"]],
  mod: [OP["i32.rem_u"], OP["i64.rem_u"]],
  sdiv: [OP["i32.div_s"], OP["i64.div_s"]],
  smod: [OP["i32.rem_s"], OP["i64.rem_s"]],
};

const EXTEND32 = { 8: OP["i32.extend8_s"], 16: OP["i32.extend16_s"] } as const;
const EXTEND64 = { 8: OP["i64.extend8_s"], 16: OP["i64.extend16_s"], 32: OP["i64.extend32_s"] } as const;

// True when a 64-bit instruction may be done on i32 operands. A full use in an i32 local is a zero-extended value.
function narrows({ row, insn, bits }: Site): boolean {
  if (bits & DEF_I32 && isNarrowable(row, insn)) return true;
  if (!(bits & DST_I32)) return false;
  const constant = row.source === "K";
  if (row.op === "rsh") return constant && (insn.imm & 63) < 32;
  if (row.op === "div" || row.op === "mod") return constant ? insn.imm > 0 : (bits & SRC_I32) !== 0;
  return false;
}

function source(context: FunctionContext, { row, insn, bits }: Site, wide: boolean): void {
  if (row.source === "K") context.immediate(wide, insn.imm);
  else context.get(wide, insn.src_reg, (bits & SRC_I32) !== 0);
}

function constantZero(context: FunctionContext, wide: boolean): void {
  context.immediate(wide, 0);
}

// x / 0 is 0, x % 0 is x, and the one signed quotient that does not fit wraps.
function division(context: FunctionContext, site: Site, wide: boolean): void {
  const { expr } = context;
  const { row, insn, bits } = site;
  const dst = (): void => context.get(wide, insn.dst_reg, (bits & DST_I32) !== 0);
  const code = DIVISION[row.op][wide ? 1 : 0];
  const type = wide ? I64 : I32;
  const isQuotient = row.op === "div" || row.op === "sdiv";
  if (row.source === "K") {
    if (insn.imm === 0) {
      if (isQuotient) constantZero(context, wide);
      else dst();
    } else if (row.op === "sdiv" && insn.imm === -1) {
      constantZero(context, wide);
      dst();
      expr.op(wide ? OP["i64.sub"] : OP["i32.sub"]);
    } else {
      dst();
      context.immediate(wide, insn.imm);
      expr.op(code);
    }
    return;
  }
  source(context, site, wide);
  expr.op(wide ? OP["i64.eqz"] : OP["i32.eqz"]);
  expr.if(type);
  if (isQuotient) constantZero(context, wide);
  else dst();
  expr.else();
  if (row.op === "sdiv") {
    source(context, site, wide);
    context.immediate(wide, -1);
    expr.op(wide ? OP["i64.eq"] : OP["i32.eq"]);
    expr.if(type);
    constantZero(context, wide);
    dst();
    expr.op(wide ? OP["i64.sub"] : OP["i32.sub"]);
    expr.else();
  }
  dst();
  source(context, site, wide);
  expr.op(code);
  if (row.op === "sdiv") expr.end();
  expr.end();
}

// Pops an i32, pushes it with its bytes reversed: two rotations bring each pair of bytes to its place.
function swap32(context: FunctionContext): void {
  const { expr } = context;
  const x = context.temp(I32, "swap");
  expr.tee(x);
  expr.i32(8);
  expr.op(OP["i32.rotl"]);
  expr.i32(0x00ff00ff);
  expr.op(OP["i32.and"]);
  expr.get(x);
  expr.i32(8);
  expr.op(OP["i32.rotr"]);
  expr.i32(0xff00ff00 | 0);
  expr.op(OP["i32.and"]);
  expr.op(OP["i32.or"]);
}

function byteSwap(context: FunctionContext, { row, insn, bits }: Site): void {
  const { expr } = context;
  const isI32 = (bits & DST_I32) !== 0;
  const reg = insn.dst_reg;
  if (row.width < 64) {
    context.get32(reg, isI32);
    swap32(context);
    if (row.width === 16) {
      expr.i32(16);
      expr.op(OP["i32.shr_u"]);
    }
    return context.set32(reg, (bits & DEF_I32) !== 0);
  }
  context.get64(reg, isI32);
  const x = context.temp(I64, "swap");
  expr.tee(x);
  expr.op(OP["i32.wrap_i64"]);
  swap32(context);
  expr.op(OP["i64.extend_i32_u"]);
  expr.i64(32, 0);
  expr.op(OP["i64.shl"]);
  expr.get(x);
  expr.i64(32, 0);
  expr.op(OP["i64.shr_u"]);
  expr.op(OP["i32.wrap_i64"]);
  swap32(context);
  expr.op(OP["i64.extend_i32_u"]);
  expr.op(OP["i64.or"]);
  return context.set64(reg, (bits & DEF_I32) !== 0);
}

function toLittleEndian(context: FunctionContext, { row, insn, bits }: Site): void {
  const isI32 = (bits & DST_I32) !== 0;
  const toI32 = (bits & DEF_I32) !== 0;
  if (row.width === 64) {
    context.get64(insn.dst_reg, isI32);
    return context.set64(insn.dst_reg, toI32);
  }
  context.get32(insn.dst_reg, isI32);
  if (row.width === 16) {
    context.expr.i32(0xffff);
    context.expr.op(OP["i32.and"]);
  }
  return context.set32(insn.dst_reg, toI32);
}

function signExtend(context: FunctionContext, { row, insn, bits }: Site): void {
  const { expr } = context;
  const from = row.from!;
  const isI32 = (bits & SRC_I32) !== 0;
  const toI32 = (bits & DEF_I32) !== 0;
  if (row.width === 32 || toI32) {
    context.get32(insn.src_reg, isI32);
    if (from !== 32) expr.op(EXTEND32[from]);
    return context.set32(insn.dst_reg, toI32);
  }
  if (isI32 && from === 32) {
    context.get32(insn.src_reg, true);
    expr.op(OP["i64.extend_i32_s"]);
  } else {
    context.get64(insn.src_reg, isI32);
    expr.op(EXTEND64[from]);
  }
  return context.set64(insn.dst_reg, false);
}

/** Writes an instruction of class ALU or ALU64. */
export function emitAlu(context: FunctionContext, site: Site): void {
  const { row, insn, bits } = site;
  const { expr } = context;
  switch (row.op) {
    case "to_le":
      return toLittleEndian(context, site);
    case "to_be":
    case "bswap":
      return byteSwap(context, site);
    case "movsx":
      return signExtend(context, site);
    default:
  }
  const wide = row.width === 64 && !narrows(site);
  if (row.op === "mov") source(context, site, wide);
  else if (row.op === "neg") {
    constantZero(context, wide);
    context.get(wide, insn.dst_reg, (bits & DST_I32) !== 0);
    expr.op(wide ? OP["i64.sub"] : OP["i32.sub"]);
  } else if (row.op in DIVISION) division(context, site, wide);
  else {
    context.get(wide, insn.dst_reg, (bits & DST_I32) !== 0);
    source(context, site, wide);
    expr.op(DIRECT[row.op][wide ? 1 : 0]);
  }
  context.set(wide, insn.dst_reg, (bits & DEF_I32) !== 0);
}
