// bpf_iter_num_* in verified code (kernel/bpf/bpf_iter.c at v7.2), written out where the iterator's place in the frame is known
// everywhere. The verifier lets nothing else write there, so that cur and end can be kept in locals as well: a loop then need
// not wait each turn for the store of the turn before. Memory is written, for it is what the pointer of bpf_iter_num_next
// shows, but for the end of an iterator that is at its end: only destroying it clears that.

import { E2BIG, EINVAL } from "../../base/index.ts";
import { I32, OP } from "../../wasm/index.ts";
import { MAX_BPF_STACK } from "../isa/index.ts";
import { BPF_MAX_LOOPS } from "../vm/index.ts";
import type { FunctionContext, Site } from "./context.ts";
import { DEF_I32 } from "./typing.ts";

type State = "cur" | "end" | "next";

/** Local with a part of an iterator's state; `next`: the number that the last bpf_iter_num_next gave, if that is below `end`. */
const stateOf = (context: FunctionContext, offset: number, state: State): number =>
  context.temp(I32, `iterator ${offset} ${state}`);

/** Writes one call; pushes its result, if it has one. `argument` pushes a register as i32. */
export function emitIterator(
  context: FunctionContext,
  step: "iterNew" | "iterNext" | "iterDestroy",
  offset: number,
  argument: (reg: number) => void,
): void {
  const { expr } = context;
  const at = MAX_BPF_STACK + offset;
  const cur = stateOf(context, offset, "cur");
  const end = stateOf(context, offset, "end");
  const store = (local: number, to: number): void => {
    expr.get(context.frameLow);
    expr.get(local);
    expr.memory(OP["i32.store"], to);
  };
  const clear = (): void => {
    for (const local of [cur, end]) {
      expr.i32(0);
      expr.set(local);
    }
    expr.get(context.frameLow);
    expr.i64(0, 0);
    expr.memory(OP["i64.store"], at);
  };

  if (step === "iterDestroy") return clear();
  if (step === "iterNew") {
    const start = context.temp(I32, "iterator start");
    const result = context.temp(I32, "iterator result");
    argument(2);
    expr.set(start);
    argument(3);
    expr.set(end);
    expr.i32(-EINVAL);
    expr.i32(-E2BIG);
    expr.i32(0);
    expr.get(end);
    expr.get(start);
    expr.op(OP["i32.sub"]);
    expr.i32(BPF_MAX_LOOPS);
    expr.op(OP["i32.gt_u"]);
    expr.op(OP.select);
    expr.get(start);
    expr.get(end);
    expr.op(OP["i32.gt_s"]);
    expr.op(OP.select);
    expr.tee(result);
    expr.if();
    clear();
    expr.else();
    // one before the first: next() advances and then shows the value
    expr.get(start);
    expr.i32(1);
    expr.op(OP["i32.sub"]);
    expr.set(cur);
    store(cur, at);
    store(end, at + 4);
    expr.end();
    return expr.get(result);
  }
  const next = stateOf(context, offset, "next");
  expr.get(cur);
  expr.i32(1);
  expr.op(OP["i32.add"]);
  expr.tee(next);
  expr.get(end);
  expr.op(OP["i32.lt_s"]);
  expr.if();
  expr.get(next);
  expr.set(cur);
  store(cur, at);
  expr.end();
  expr.get(context.frameLow);
  expr.i32(at);
  expr.op(OP["i32.add"]);
  expr.i32(0);
  more(context, offset);
  expr.op(OP.select);
  return undefined;
}

// Pushes an i32: whether the last bpf_iter_num_next gave a number. Not the comparison made there: a result used twice is not
// a flag of the processor any more.
function more(context: FunctionContext, offset: number): void {
  const { expr } = context;
  expr.get(stateOf(context, offset, "next"));
  expr.get(stateOf(context, offset, "end"));
  expr.op(OP["i32.ge_s"]);
  expr.op(OP["i32.eqz"]);
}

/** Writes a load of the number an iterator is at. */
export function emitIteratorLoad(context: FunctionContext, { insn, row, bits }: Site, offset: number): void {
  const { expr } = context;
  const toI32 = (bits & DEF_I32) !== 0;
  expr.get(stateOf(context, offset, "cur"));
  if (row.op === "ldx" || toI32) return context.set32(insn.dst_reg, toI32);
  expr.op(OP["i64.extend_i32_s"]);
  return context.set64(insn.dst_reg, false);
}

/** Pushes an i32: whether the jump on NULL, or on another pointer, is taken, or not taken when `negate`. */
export function emitIteratorTest(context: FunctionContext, { row }: Site, offset: number, negate: boolean): void {
  more(context, offset);
  if ((row.op === "jeq") !== negate) context.expr.op(OP["i32.eqz"]);
}
