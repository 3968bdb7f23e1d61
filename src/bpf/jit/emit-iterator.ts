// bpf_iter_num_* in verified code (kernel/bpf/bpf_iter.c at v7.2), written out where the iterator's place in the frame is known
// everywhere. The verifier lets nothing else write there, so that cur and end can be kept in locals as well: a loop then need
// not wait each turn for the store of the turn before. The number is written to memory too where it is looked at there.

import { E2BIG, EINVAL } from "../../base/index.ts";
import { I32, OP } from "../../wasm/index.ts";
import { MAX_BPF_STACK } from "../isa/index.ts";
import { BPF_MAX_LOOPS } from "../vm/index.ts";
import type { FunctionContext, Site } from "./context.ts";
import type { IteratorCall } from "./iterator-uses.ts";
import { DEF_I32 } from "./typing.ts";

/** From here no end below 0 is fewer than BPF_MAX_LOOPS away, in 32 bits. */
const SMALL_START = 1 << 30;

type State = "cur" | "end" | "next";

/** Local with a part of an iterator's state; `next`: the number that the last bpf_iter_num_next gave, if that is below `end`. */
const stateOf = (context: FunctionContext, offset: number, state: State): number =>
  context.temp(I32, `iterator ${offset} ${state}`);

/**
 * Writes one call; pushes its result, if it has one. `argument` pushes a register as i32; `plain`: nobody sees the iterator's
 * memory, and it is not asked again once it gave NULL (iterator-uses.ts).
 */
export function emitIterator(
  context: FunctionContext,
  { step, offset, start }: IteratorCall,
  plain: boolean,
  argument: (reg: number) => void,
): void {
  switch (step) {
    case "iterNew":
      return emitNew(context, offset, plain, start, argument);
    case "iterNext":
      return emitNext(context, offset, plain);
    case "iterDestroy":
      return clear(context, offset);
  }
}

function store(context: FunctionContext, local: number, to: number): void {
  context.expr.get(context.frameLow);
  context.expr.get(local);
  context.expr.memory(OP["i32.store"], MAX_BPF_STACK + to);
}

function clear(context: FunctionContext, offset: number): void {
  const { expr } = context;
  for (const part of ["cur", "end"] as const) {
    expr.i32(0);
    expr.set(stateOf(context, offset, part));
  }
  expr.get(context.frameLow);
  expr.i64(0, 0);
  expr.memory(OP["i64.store"], MAX_BPF_STACK + offset);
}

function emitNew(
  context: FunctionContext,
  offset: number,
  plain: boolean,
  known: number | undefined,
  argument: (reg: number) => void,
): void {
  const { expr } = context;
  const cur = stateOf(context, offset, "cur");
  const end = stateOf(context, offset, "end");
  const start = context.temp(I32, "iterator start");
  const isBackward = (): void => {
    expr.get(start);
    expr.get(end);
    expr.op(OP["i32.gt_s"]);
  };
  argument(2);
  expr.set(start);
  argument(3);
  expr.tee(end);
  expr.get(start);
  expr.op(OP["i32.sub"]);
  expr.i32(BPF_MAX_LOOPS);
  expr.op(OP["i32.gt_u"]);
  // from a small start backward is far too many as well
  if (known === undefined || known < 0 || known > SMALL_START) {
    isBackward();
    expr.op(OP["i32.or"]);
  }
  expr.if(I32);
  expr.i32(-EINVAL);
  expr.i32(-E2BIG);
  isBackward();
  expr.op(OP.select);
  clear(context, offset);
  expr.else();
  // one before the first: next() advances and then shows the value
  expr.get(start);
  expr.i32(1);
  expr.op(OP["i32.sub"]);
  expr.set(cur);
  if (!plain) {
    store(context, cur, offset);
    store(context, end, offset + 4);
  }
  expr.i32(0);
  expr.end();
}

function emitNext(context: FunctionContext, offset: number, plain: boolean): void {
  const { expr } = context;
  const cur = stateOf(context, offset, "cur");
  const next = stateOf(context, offset, "next");
  expr.get(cur);
  expr.i32(1);
  expr.op(OP["i32.add"]);
  expr.tee(next);
  if (plain) expr.set(cur);
  else {
    expr.get(stateOf(context, offset, "end"));
    expr.op(OP["i32.lt_s"]);
    expr.if();
    expr.get(next);
    expr.set(cur);
    store(context, cur, offset);
    expr.end();
  }
  expr.get(context.frameLow);
  expr.i32(MAX_BPF_STACK + offset);
  expr.op(OP["i32.add"]);
  expr.i32(0);
  more(context, offset);
  expr.op(OP.select);
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
