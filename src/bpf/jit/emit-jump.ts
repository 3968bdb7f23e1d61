// Conditions of jumps (RFC 9669 section 4.3). Two zero-extended values compare as i32, unsigned whatever the jump says of
// signs, because neither has its sign bit set as a 64-bit number.

import { OP } from "../../wasm/index.ts";
import type { FunctionContext, Site } from "./context.ts";
import { DST_I32, SRC_I32 } from "./typing.ts";
import type { Guard } from "./unit.ts";

interface Comparison {
  readonly i32: number;
  readonly i64: number;
  /** The comparison of zero-extended values that has the same result. */
  readonly small: number;
  readonly opposite: string;
}

const COMPARE: Readonly<Record<string, Comparison>> = {
  jeq: { i32: OP["i32.eq"], i64: OP["i64.eq"], small: OP["i32.eq"], opposite: "jne" },
  jne: { i32: OP["i32.ne"], i64: OP["i64.ne"], small: OP["i32.ne"], opposite: "jeq" },
  jgt: { i32: OP["i32.gt_u"], i64: OP["i64.gt_u"], small: OP["i32.gt_u"], opposite: "jle" },
  jge: { i32: OP["i32.ge_u"], i64: OP["i64.ge_u"], small: OP["i32.ge_u"], opposite: "jlt" },
  jlt: { i32: OP["i32.lt_u"], i64: OP["i64.lt_u"], small: OP["i32.lt_u"], opposite: "jge" },
  jle: { i32: OP["i32.le_u"], i64: OP["i64.le_u"], small: OP["i32.le_u"], opposite: "jgt" },
  jsgt: { i32: OP["i32.gt_s"], i64: OP["i64.gt_s"], small: OP["i32.gt_u"], opposite: "jsle" },
  jsge: { i32: OP["i32.ge_s"], i64: OP["i64.ge_s"], small: OP["i32.ge_u"], opposite: "jslt" },
  jslt: { i32: OP["i32.lt_s"], i64: OP["i64.lt_s"], small: OP["i32.lt_u"], opposite: "jsge" },
  jsle: { i32: OP["i32.le_s"], i64: OP["i64.le_s"], small: OP["i32.le_u"], opposite: "jsgt" },
};

function testBits(context: FunctionContext, { row, insn, bits }: Site, negate: boolean): void {
  const { expr } = context;
  const constant = row.source === "K";
  const narrow = row.width === 32 || (constant && insn.imm >= 0) || (bits & DST_I32) !== 0 || (bits & SRC_I32) !== 0;
  context.get(!narrow, insn.dst_reg, (bits & DST_I32) !== 0);
  if (constant) context.immediate(!narrow, insn.imm);
  else context.get(!narrow, insn.src_reg, (bits & SRC_I32) !== 0);
  expr.op(narrow ? OP["i32.and"] : OP["i64.and"]);
  if (negate) expr.op(narrow ? OP["i32.eqz"] : OP["i64.eqz"]);
  else if (!narrow) {
    expr.i64(0, 0);
    expr.op(OP["i64.ne"]);
  }
}

/** Pushes an i32: whether the jump is taken, or not taken when `negate`. */
export function emitCondition(context: FunctionContext, site: Site, negate: boolean): void {
  const { row, insn, bits } = site;
  if (row.op === "jset") return testBits(context, site, negate);
  const { expr } = context;
  const comparison = COMPARE[negate ? COMPARE[row.op].opposite : row.op];
  const constant = row.source === "K";
  const dstI32 = insn.dst_reg === 10 || (bits & DST_I32) !== 0;
  const srcI32 = insn.src_reg === 10 || (bits & SRC_I32) !== 0;
  const small = row.width === 64 && dstI32 && (constant ? insn.imm >= 0 : srcI32);
  const wide = row.width === 64 && !small;
  context.get(wide, insn.dst_reg, (bits & DST_I32) !== 0);
  if (constant && insn.imm === 0 && (comparison.i64 === OP["i64.eq"] || comparison.i64 === OP["i64.ne"])) {
    if (comparison.i64 === OP["i64.eq"]) return expr.op(wide ? OP["i64.eqz"] : OP["i32.eqz"]);
    if (!wide) return undefined;
  }
  if (constant) context.immediate(wide, insn.imm);
  else context.get(wide, insn.src_reg, (bits & SRC_I32) !== 0);
  expr.op(small ? comparison.small : wide ? comparison.i64 : comparison.i32);
  return undefined;
}

/** Pushes an i32: whether the turns ahead need no test. `narrow`: mask of the registers that are i32 here. */
export function emitGuard(context: FunctionContext, guard: Guard, narrow: number, negate: boolean): void {
  const { expr } = context;
  const { counter, limit, bound, ahead, up, wide } = guard;
  const get = (reg: number): void => context.get(wide, reg, (narrow & (1 << reg)) !== 0);
  const below = wide ? OP["i64.lt_u"] : OP["i32.lt_u"];
  get(counter);
  if (limit === -1) {
    context.immediate(wide, bound);
    expr.op(up ? below : wide ? OP["i64.gt_u"] : OP["i32.gt_u"]);
  } else {
    get(limit);
    context.immediate(wide, ahead);
    expr.op(wide ? OP["i64.sub"] : OP["i32.sub"]);
    expr.op(below);
    // The limit less what is ahead must not have gone below zero.
    get(limit);
    context.immediate(wide, ahead);
    expr.op(wide ? OP["i64.ge_u"] : OP["i32.ge_u"]);
    expr.op(OP["i32.and"]);
  }
  if (negate) expr.op(OP["i32.eqz"]);
}
