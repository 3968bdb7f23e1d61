// Runs that follow one another without leaving WebAssembly: a run that is a matter of some ten nanoseconds costs as much
// again to enter and leave. Whether the next one may follow at once is read from words of the memory that the host names.

import { I32, OP, Expr, type ModuleWriter } from "../../wasm/index.ts";

/** When a run may follow another at once. Addresses of words in the VM's memory. */
export interface Repeat {
  /** 64 bits, raised before each run. */
  readonly count: number;
  /** Not while `*reached` lies before `*target` (as counters that wrap around). */
  readonly reached: number;
  readonly target: number;
  /** Not while any bit of `mask` is set in `*flags`. */
  readonly flags: number;
  readonly mask: number;
}

/**
 * Writes (ctx, limit) -> the last run's result: at most `limit` runs (at least one), until one gives something but 0. `run`
 * writes one run with the argument that a local holds, and pushes its result.
 */
export function writeRepeat(
  module: ModuleWriter,
  run: (code: Expr, ctx: number) => void,
  { count, reached, target, flags, mask }: Repeat,
): number {
  const [ctx, limit, result] = [0, 1, 2];
  const code = new Expr();
  const load = (address: number): void => {
    code.i32(address);
    code.memory(OP["i32.load"], 0);
  };
  const done = code.block();
  const again = code.loop();
  code.i32(count);
  code.i32(count);
  code.memory(OP["i64.load"], 0);
  code.i64(1, 0);
  code.op(OP["i64.add"]);
  code.memory(OP["i64.store"], 0);
  run(code, ctx);
  code.tee(result);
  code.brIf(done);
  load(reached);
  load(target);
  code.op(OP["i32.sub"]);
  code.i32(0);
  code.op(OP["i32.lt_s"]);
  code.brIf(done);
  load(flags);
  code.i32(mask);
  code.op(OP["i32.and"]);
  code.brIf(done);
  code.get(limit);
  code.i32(1);
  code.op(OP["i32.sub"]);
  code.tee(limit);
  code.brIf(again);
  code.end();
  code.end();
  code.get(result);
  const func = module.declare("repeat", [I32, I32], [I32]);
  module.define(func, { locals: [I32], code: code.finish() });
  return func;
}
