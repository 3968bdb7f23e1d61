// Functions every compiled program may need, written only when it does: the segment check of unverified code, faults, polls,
// and the helpers that are better off inside WebAssembly than across its border. Their behaviour is that of the VM's own
// (../vm: memory.ts, helpers.ts, kfuncs.ts).

import { E2BIG, EINVAL } from "../../base/index.ts";
import { ATOMIC, Expr, I32, I64, OP, type ModuleWriter, type WasmType } from "../../wasm/index.ts";
import { BPF_MAX_LOOPS, CODE_TAG, CONTROL_ABORT } from "../vm/index.ts";
import {
  FAULT_ABORTED,
  FAULT_CALL_DEPTH,
  FAULT_HELPER,
  FAULT_STEPS,
  MEMORY_ALIGNMENT,
  MEMORY_POINTER,
  MEMORY_WRITE,
  type Runtime,
} from "./context.ts";

import { withFrame, writeAccessCheck } from "./segment-check.ts";

// Results of helpers: negative errno values of the generic Linux ABI.

/** A function of the program as callers must call it. */
export interface LocalFunction {
  readonly func: number;
  /** Masks of the argument registers it takes, and of those that are i32. */
  readonly args: number;
  readonly narrow: number;
}

/** Names of the module's exports. */
export const EXPORT = {
  run: "run",
  repeat: "repeat",
  callback: "callback",
  r0: "r0",
  fuel: "fuel",
  slot: "slot",
  frame: "frame",
} as const;

type Body = (code: Expr) => readonly WasmType[];

/** Declares runtime functions when they are first asked for; `defineAll` writes them once the program's are done. */
export class RuntimeFunctions implements Runtime {
  readonly #module: ModuleWriter;
  readonly #functions = new Map<string, number>();
  readonly #pending: (() => void)[] = [];
  readonly #local: (start: number) => LocalFunction;
  readonly #callbacks: () => readonly number[];
  readonly stackStart: number;
  readonly fault: number;
  readonly #faultMemory: number;
  readonly #checked: boolean;
  readonly r0: number;
  readonly fuel: number;
  readonly slotGlobal: number;
  readonly frameGlobal: number;

  constructor(
    module: ModuleWriter,
    stack: { readonly start: number },
    checked: boolean,
    local: (start: number) => LocalFunction,
    callbacks: () => readonly number[],
  ) {
    this.#module = module;
    this.#local = local;
    this.#callbacks = callbacks;
    this.#checked = checked;
    this.stackStart = stack.start;
    this.fault = module.importFunction("env", "fault", [I32, I32, I32], []);
    this.#faultMemory = module.importFunction("env", "fault_memory", [I32, I32, I32, I32, I32, I32], []);
    this.r0 = module.globals.add(I64);
    this.fuel = module.globals.add(I64);
    this.slotGlobal = module.globals.add(I32);
    this.frameGlobal = module.globals.add(I32);
    module.exports.add(EXPORT.r0, "global", this.r0);
    module.exports.add(EXPORT.fuel, "global", this.fuel);
    module.exports.add(EXPORT.slot, "global", this.slotGlobal);
    module.exports.add(EXPORT.frame, "global", this.frameGlobal);
  }

  /** Writes what has been declared, and what that needs in turn. */
  defineAll(): void {
    for (let define = this.#pending.pop(); define !== undefined; define = this.#pending.pop()) define();
  }

  #need(name: string, params: readonly WasmType[], results: readonly WasmType[], body: Body): number {
    const known = this.#functions.get(name);
    if (known !== undefined) return known;
    const func = this.#module.declare(name, params, results);
    this.#functions.set(name, func);
    this.#pending.push(() => {
      const code = new Expr();
      const locals = body(code);
      this.#module.define(func, { locals, code: code.finish() });
    });
    return func;
  }

  get badAccess(): number {
    return this.#need("bad_access", [I64, I32, I32, I32, I32], [], (code) => {
      this.#raiseMemory(code, 0, 1, 2, () => code.get(3), 4);
      return [];
    });
  }

  get checkRead(): number {
    return this.#need("check_read", [I64, I32, I32, I32], [I32], (code) => this.#check(code, false));
  }

  get checkWrite(): number {
    return this.#need("check_write", [I64, I32, I32, I32], [I32], (code) => this.#check(code, true));
  }

  #check(code: Expr, write: boolean): readonly WasmType[] {
    const [wide, size, slot, frameLow, at] = [0, 1, 2, 3, 4];
    const fail = (): void => {
      for (const local of [wide, size, slot]) code.get(local);
      code.i32(write ? MEMORY_WRITE : 0);
      code.get(frameLow);
      code.call(this.badAccess);
    };
    writeAccessCheck(code, write, { wide, at }, () => code.get(size), fail);
    code.get(at);
    return [I32];
  }

  #raiseMemory(
    code: Expr,
    address: number,
    size: number | undefined,
    slot: number,
    flags: () => void,
    frameLow?: number,
  ): void {
    code.get(address);
    code.op(OP["i32.wrap_i64"]);
    code.get(address);
    code.i64(32, 0);
    code.op(OP["i64.shr_u"]);
    code.op(OP["i32.wrap_i64"]);
    if (size === undefined) code.i32(0);
    else code.get(size);
    flags();
    code.get(slot);
    if (frameLow === undefined) code.i32(0);
    else code.get(frameLow);
    code.call(this.#faultMemory);
    code.op(OP.unreachable);
  }

  #raise(code: Expr, kind: number, slot: number, argument?: number): void {
    code.i32(kind);
    code.get(slot);
    if (argument === undefined) code.i32(0);
    else code.get(argument);
    code.call(this.fault);
  }

  /** (slot, cost): ends the run when another thread asked for it, or when the budget of instructions is used up. */
  get poll(): number {
    return this.#need("poll", [I32, I32], [], (code) => {
      const [slot, cost] = [0, 1];
      code.i32(0);
      code.atomic(ATOMIC["i32.atomic.load"], 2, CONTROL_ABORT);
      code.if();
      this.#raise(code, FAULT_ABORTED, slot);
      code.end();
      if (!this.#checked) return [];
      code.globalGet(this.fuel);
      code.get(cost);
      code.op(OP["i64.extend_i32_u"]);
      code.op(OP["i64.sub"]);
      code.globalSet(this.fuel);
      code.globalGet(this.fuel);
      code.i64(0, 0);
      code.op(OP["i64.lt_s"]);
      code.if();
      this.#raise(code, FAULT_STEPS, slot);
      code.end();
      return [];
    });
  }

  /** (slot): ends the run for the reason that makes poll() end it. */
  get stop(): number {
    return this.#need("stop", [I32], [], (code) => {
      code.i32(0);
      code.atomic(ATOMIC["i32.atomic.load"], 2, CONTROL_ABORT);
      code.if();
      this.#raise(code, FAULT_ABORTED, 0);
      code.end();
      this.#raise(code, FAULT_STEPS, 0);
      return [];
    });
  }

  /** (address, size, flags, slot) -> address: a fault unless the address is a multiple of the size. */
  get aligned(): number {
    return this.#need("aligned", [I32, I32, I32, I32], [I32], (code) => {
      const [address, size, write, slot, wide] = [0, 1, 2, 3, 4];
      code.get(address);
      code.get(size);
      code.i32(1);
      code.op(OP["i32.sub"]);
      code.op(OP["i32.and"]);
      code.if();
      code.get(address);
      code.op(OP["i64.extend_i32_u"]);
      code.set(wide);
      this.#raiseMemory(code, wide, size, slot, () => {
        code.get(write);
        code.i32(MEMORY_ALIGNMENT);
        code.op(OP["i32.or"]);
      });
      code.end();
      code.get(address);
      return [I64];
    });
  }

  /** (address i64, slot) -> i32 */
  get pointer(): number {
    return this.#need("pointer", [I64, I32], [I32], (code) => {
      const [address, slot] = [0, 1];
      code.get(address);
      code.i64(0, 1);
      code.op(OP["i64.ge_u"]);
      code.if();
      this.#raiseMemory(code, address, undefined, slot, () => code.i32(MEMORY_POINTER));
      code.end();
      code.get(address);
      code.op(OP["i32.wrap_i64"]);
      return [];
    });
  }

  /** (reference i64, slot, reg) -> i32: the first slot of a function, or a fault. */
  get funcSlot(): number {
    return this.#need("func_slot", [I64, I32, I32], [I32], (code) => {
      const [reference, slot, reg] = [0, 1, 2];
      const known = code.block();
      for (const start of this.#callbacks()) {
        code.get(reference);
        code.i64(start, CODE_TAG);
        code.op(OP["i64.eq"]);
        code.brIf(known);
      }
      this.#raise(code, FAULT_HELPER, slot, reg);
      code.op(OP.unreachable);
      code.end();
      code.get(reference);
      code.op(OP["i32.wrap_i64"]);
      return [];
    });
  }

  /** (start, frame, a1, a2, a3, a4, slot) -> r0: calls the callback whose first slot is `start`. */
  get callback(): number {
    return this.#need("callback", [I32, I32, I64, I64, I64, I64, I32], [I64], (code) => {
      for (const start of this.#callbacks()) {
        code.get(0);
        code.i32(start);
        code.op(OP["i32.eq"]);
        code.if();
        this.#callLocal(code, start, { frame: 1, row: 7 }, [2, 3, 4, 5], 6);
        code.op(OP.return);
        code.end();
      }
      code.i32(FAULT_HELPER);
      code.get(6);
      // The callback is the second argument of every helper that takes one.
      code.i32(2);
      code.call(this.fault);
      code.op(OP.unreachable);
      return [I32];
    });
  }

  // Calls the function at `start` with i64 locals as r1, r2 ...; registers beyond them are 0. `row` is a local to use.
  #callLocal(
    code: Expr,
    start: number,
    { frame, row }: { readonly frame: number; readonly row: number },
    args: readonly number[],
    slot: number,
  ): void {
    const target = this.#local(start);
    code.get(frame);
    code.i32(this.stackStart);
    code.op(OP["i32.le_u"]);
    code.if();
    this.#raise(code, FAULT_CALL_DEPTH, slot);
    code.end();
    code.get(frame);
    for (let reg = 1; reg <= 5; reg++) {
      if (!(target.args & (1 << reg))) continue;
      const isI32 = (target.narrow & (1 << reg)) !== 0;
      const local = args[reg - 1];
      if (local === undefined) {
        if (isI32) code.i32(0);
        else code.i64(0, 0);
        continue;
      }
      code.get(local);
      if (isI32) code.op(OP["i32.wrap_i64"]);
    }
    if (this.#checked) withFrame(code, frame, row, () => code.call(target.func));
    else code.call(target.func);
  }

  /** bpf_loop: (frame, count, [start,] ctx, flags, slot) -> count of turns or an errno; `start` is known or a parameter. */
  loop(start: number | undefined): number {
    const name = start === undefined ? "bpf_loop" : `bpf_loop@${start}`;
    return this.#need(name, [I32, I32, I32, I64, I64, I32], [I64], (code) => {
      const [frame, count, callee, ctx, flags, slot, index, turn, row] = [0, 1, 2, 3, 4, 5, 6, 7, 8];
      code.get(flags);
      code.op(OP["i64.eqz"]);
      code.op(OP["i32.eqz"]);
      code.if();
      code.i64(-EINVAL, -1);
      code.op(OP.return);
      code.end();
      code.get(count);
      code.i32(BPF_MAX_LOOPS);
      code.op(OP["i32.gt_u"]);
      code.if();
      // a word of 32 bits, as where Linux puts the loop in place of the call
      code.i64(-E2BIG, 0);
      code.op(OP.return);
      code.end();
      const done = code.block();
      const again = code.loop();
      code.get(index);
      code.get(count);
      code.op(OP["i32.ge_u"]);
      code.brIf(done);
      code.get(slot);
      code.i32(4);
      code.call(this.poll);
      code.get(index);
      code.op(OP["i64.extend_i32_u"]);
      code.set(turn);
      if (start === undefined) {
        for (const local of [callee, frame, turn, ctx]) code.get(local);
        code.i64(0, 0);
        code.i64(0, 0);
        code.get(slot);
        code.call(this.callback);
      } else this.#callLocal(code, start, { frame, row }, [turn, ctx], slot);
      code.op(OP["i32.wrap_i64"]);
      code.get(index);
      code.i32(1);
      code.op(OP["i32.add"]);
      code.set(index);
      code.op(OP["i32.eqz"]);
      code.brIf(again);
      code.end();
      code.end();
      code.get(index);
      code.op(OP["i64.extend_i32_u"]);
      return [I32, I64, I32];
    });
  }

  // The open-coded number iterator: s32 cur, s32 end.
  #storeIterator(code: Expr, at: number, cur: () => void, end: () => void): void {
    code.get(at);
    cur();
    code.memory(OP["i32.store"], 0);
    code.get(at);
    end();
    code.memory(OP["i32.store"], 4);
  }

  #checkIterator(code: Expr, at: number, slot: number, frame: number): void {
    if (!this.#checked) return;
    code.get(at);
    code.op(OP["i64.extend_i32_u"]);
    code.i32(8);
    code.get(slot);
    code.get(frame);
    code.call(this.checkWrite);
    code.op(OP.drop);
  }

  get iterNew(): number {
    return this.#need("bpf_iter_num_new", [I32, I32, I32, I32, I32], [I32], (code) => {
      const [frame, at, start, end, slot] = [0, 1, 2, 3, 4];
      const zero = (): void => code.i32(0);
      this.#checkIterator(code, at, slot, frame);
      this.#storeIterator(code, at, zero, zero);
      code.get(start);
      code.get(end);
      code.op(OP["i32.gt_s"]);
      code.if();
      code.i32(-EINVAL);
      code.op(OP.return);
      code.end();
      code.get(end);
      code.get(start);
      code.op(OP["i32.sub"]);
      code.i32(BPF_MAX_LOOPS);
      code.op(OP["i32.gt_u"]);
      code.if();
      code.i32(-E2BIG);
      code.op(OP.return);
      code.end();
      const before = (): void => {
        code.get(start);
        code.i32(1);
        code.op(OP["i32.sub"]);
      };
      this.#storeIterator(code, at, before, () => code.get(end));
      code.i32(0);
      return [];
    });
  }

  get iterNext(): number {
    return this.#need("bpf_iter_num_next", [I32, I32, I32], [I32], (code) => {
      const [frame, at, slot, cur] = [0, 1, 2, 3];
      this.#checkIterator(code, at, slot, frame);
      code.get(at);
      code.memory(OP["i32.load"], 0);
      code.i32(1);
      code.op(OP["i32.add"]);
      code.tee(cur);
      code.get(at);
      code.memory(OP["i32.load"], 4);
      code.op(OP["i32.ge_s"]);
      code.if();
      this.#storeIterator(
        code,
        at,
        () => code.i32(0),
        () => code.i32(0),
      );
      code.i32(0);
      code.op(OP.return);
      code.end();
      code.get(at);
      code.get(cur);
      code.memory(OP["i32.store"], 0);
      code.get(at);
      return [I32];
    });
  }

  get iterDestroy(): number {
    return this.#need("bpf_iter_num_destroy", [I32, I32, I32], [], (code) => {
      const [frame, at, slot] = [0, 1, 2];
      this.#checkIterator(code, at, slot, frame);
      this.#storeIterator(
        code,
        at,
        () => code.i32(0),
        () => code.i32(0),
      );
      return [];
    });
  }
}
