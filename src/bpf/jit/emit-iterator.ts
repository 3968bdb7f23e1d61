// bpf_iter_num_* in verified code (kernel/bpf/bpf_iter.c at v7.2), written out where the iterator's place in the frame is known
// everywhere. The verifier lets nothing else write there, so that cur and end can be kept in locals as well: a loop then need
// not wait each turn for the store of the turn before. Memory is written as ever, and not read.

import { E2BIG, EINVAL } from "../../base/index.ts";
import { I32, OP } from "../../wasm/index.ts";
import { MAX_BPF_STACK } from "../isa/index.ts";
import { BPF_MAX_LOOPS } from "../vm/index.ts";
import type { FunctionContext } from "./context.ts";

// Negative errno values of the generic Linux ABI.

/** Writes one call; pushes its result, if it has one. `argument` pushes a register as i32. */
export function emitIterator(
  context: FunctionContext,
  step: "iterNew" | "iterNext" | "iterDestroy",
  offset: number,
  argument: (reg: number) => void,
): void {
  const { expr } = context;
  const at = MAX_BPF_STACK + offset;
  const cur = context.temp(I32, `iterator ${offset} cur`);
  const end = context.temp(I32, `iterator ${offset} end`);
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
  expr.get(cur);
  expr.i32(1);
  expr.op(OP["i32.add"]);
  expr.tee(cur);
  expr.get(end);
  expr.op(OP["i32.lt_s"]);
  expr.if(I32);
  store(cur, at);
  expr.get(context.frameLow);
  expr.i32(at);
  expr.op(OP["i32.add"]);
  expr.else();
  clear();
  expr.i32(0);
  expr.end();
  return undefined;
}
