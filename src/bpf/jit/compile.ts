// VmImage to WebAssembly module. Pure: the same image and options give the same bytes, and the result crosses threads.
// Functions are compiled callees first, so that a call passes only the registers its callee reads, each in its type.

import { I32, I64, ModuleWriter, OP, type Expr, type WasmType } from "../../wasm/index.ts";
import { BPF_MAX_LOOPS, MAX_CALL_FRAMES, type Callee, type VmImage } from "../vm/index.ts";
import { isFunctionReference, planCalls, signatureOf, type CallFacts } from "./calls.ts";
import { cfgOf, CfgScratch } from "./cfg.ts";
import { foldConstantLoads, hasConstants } from "./constants.ts";
import { unrollCountedLoops } from "./counted-loops.ts";
import { FunctionContext } from "./context.ts";
import { lowParams, typeOfParam, typesOfResult, type CallPlan } from "./emit-call.ts";
import { ARG_MASK, effectsOf, type Effects } from "./effects.ts";
import { compact, foldSelects, threadJumps } from "./fold.ts";
import { graphOf } from "./graph.ts";
import { iteratorUses, type IteratorCall } from "./iterator-uses.ts";
import { liveness, resultsRead } from "./liveness.ts";
import { writeRepeat, type Repeat } from "./repeat.ts";
import { EXPORT, RuntimeFunctions, type LocalFunction } from "./runtime.ts";
import { sourceMapOf, type SourceMap } from "./source-map.ts";
import { cutLongNodes, DOOR_STEP, PIECE_SLOTS, sizeOf, split, WHOLE_SLOTS } from "./split.ts";
import { promoteStackSlots } from "./stack-slots.ts";
import { typesOf, TypingScratch, type Typing, type TypingFacts } from "./typing.ts";
import { NODE_CODE, type Unit } from "./unit.ts";
import { enterPiece, entryType, writeUnit, type Boundary } from "./write-unit.ts";

/** How a program is compiled. */
export interface CompileOptions {
  /** True for programs that were not verified: every access is checked, and loops can be ended from outside. */
  readonly checked: boolean;
  /** Kfuncs and helpers the host adds; only their signatures matter here. */
  readonly kfuncs?: Readonly<Record<string, Pick<Callee, "params" | "result" | "signed" | "table">>>;
  readonly helpers?: Readonly<Record<number, Pick<Callee, "params" | "result" | "signed">>>;
  /** Lets the executable do runs in a row (Executable.repeat). */
  readonly repeat?: Repeat;
  /** Map every instruction, not only those that can trap, so that the code can be listed beside the program. */
  readonly listing?: boolean;
}

/** A function the module imports: the field name, and which helper or kfunc it is. */
export interface JitImport {
  readonly field: string;
  readonly kind: "helper" | "kfunc" | "indirect";
  readonly id: number;
  readonly name: string;
}

/** A compiled program; structured-cloneable. */
export interface JitProgram {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly sourceMap: SourceMap;
  readonly imports: readonly JitImport[];
  readonly checked: boolean;
}

// A function whose graph is known, before its code is written.
interface Pending {
  readonly start: number;
  readonly unit: Unit;
  readonly calls: readonly CallFacts[];
}

class Compiler {
  readonly #image: VmImage;
  readonly #options: CompileOptions;
  readonly #module: ModuleWriter;
  readonly #runtime: RuntimeFunctions;
  readonly #effects: Effects;
  readonly #starts: ReadonlySet<number>;
  readonly #scratch: CfgScratch;
  readonly #typing: TypingScratch;
  readonly #functions = new Map<number, Pending>();
  readonly #order: number[] = [];
  readonly #local = new Map<number, LocalFunction>();
  readonly #imports: JitImport[] = [];
  readonly #importIndex = new Map<string, number>();
  readonly #marks = new Map<number, readonly number[]>();
  readonly #plans = new Map<number, CallPlan>();
  readonly #resultsUsed = new Set<number>();
  #registers: number[] | undefined;
  #budgetGlobal: number | undefined;
  #mayOverflow = false;
  /** Verified code with iterators in which each function knows where those it uses lie: none is handed to another. */
  #iteratorsKnown = false;

  constructor(image: VmImage, options: CompileOptions) {
    this.#image = image;
    this.#options = options;
    this.#module = new ModuleWriter(image.name);
    this.#module.imports.addMemory("env", "memory", { minimum: 1, maximum: 0x10000, shared: true });
    this.#runtime = new RuntimeFunctions(
      this.#module,
      image.stack,
      options.checked,
      (start) => this.#reference(start),
      () => [...this.#callbacks()],
    );
    // a copy: instructions are replaced by simpler ones
    this.#effects = effectsOf([...image.insns], () => ARG_MASK);
    this.#starts = new Set(image.starts);
    this.#scratch = new CfgScratch(image.insns.length);
    this.#typing = new TypingScratch(image.insns.length);
  }

  compile(): JitProgram {
    this.#discover();
    this.#declareImports();
    this.#sort();
    this.#findResultsUsed();
    const steps = [...this.#functions.values()].flatMap(({ calls }) =>
      calls.filter((call) => call.runtime !== undefined),
    );
    this.#iteratorsKnown =
      !this.#options.checked && steps.length > 0 && steps.every(({ iterator }) => iterator !== undefined);
    for (const start of this.#order) this.#write(this.#functions.get(start)!);
    this.#writeRun();
    this.#runtime.defineAll();
    const { bytes, codeOffsets } = this.#module.finish();
    const imported = this.#module.imports.functions;
    const sourceMap = sourceMapOf(
      codeOffsets.flatMap((start, i) => {
        const marks = this.#marks.get(imported + i);
        return marks === undefined ? [] : [{ start, marks }];
      }),
    );
    return { bytes, sourceMap, imports: this.#imports, checked: this.#options.checked };
  }

  // All functions control can reach, with their graphs and calls.
  #discover(): void {
    const work = [0];
    while (work.length > 0) {
      const start = work.pop()!;
      if (this.#functions.has(start)) continue;
      const unit = cfgOf(this.#effects, start, this.#scratch);
      threadJumps(unit, this.#effects);
      compact(unit);
      if (this.#ownsFrame(start, unit)) promoteStackSlots(unit, this.#effects);
      foldSelects(unit, this.#effects);
      compact(unit);
      if (hasConstants(this.#image)) foldConstantLoads(unit, this.#effects, this.#image);
      const calls = planCalls(unit, this.#effects, this.#image, this.#options);
      this.#functions.set(start, { start, unit, calls });
      for (const call of calls) {
        if (call.callee !== undefined) work.push(call.callee);
        if (call.unknownCallback && this.#options.checked) work.push(...this.#image.starts);
      }
      for (const callback of this.#referenced(unit)) work.push(callback);
    }
  }

  // True when the frame is what the code says it is: verified, whole, and with no instruction of another function.
  #ownsFrame(start: number, unit: Unit): boolean {
    if (this.#options.checked || sizeOf(unit) > WHOLE_SLOTS) return false;
    const end = this.#image.starts.find((other) => other > start) ?? this.#image.insns.length;
    return unit.first.every((first, node) => first >= start && unit.end[node] <= end);
  }

  // Functions a unit makes references to.
  *#referenced(unit: Unit): Generator<number> {
    const { rows } = this.#effects;
    for (let node = 0; node < unit.kind.length; node++) {
      if (unit.kind[node] !== NODE_CODE) continue;
      for (let slot = unit.first[node]; slot < unit.end[node]; slot++) {
        if (rows[slot]?.op !== "ld_imm64") continue;
        const [low, high] = [this.#image.insns[slot].imm, this.#image.insns[slot + 1].imm];
        if (isFunctionReference(high) && this.#starts.has(low)) yield low;
      }
    }
  }

  #callbacks(): Set<number> {
    if (this.#options.checked) return new Set(this.#image.starts.filter((start) => this.#functions.has(start)));
    const found = new Set<number>();
    for (const { unit } of this.#functions.values()) for (const start of this.#referenced(unit)) found.add(start);
    return found;
  }

  #declareImports(): void {
    for (const { calls } of this.#functions.values()) {
      for (const { host } of calls) {
        if (host === undefined || this.#importIndex.has(host.field)) continue;
        const params: WasmType[] =
          host.kind === "indirect" ? [I32, I64, I64, I64, I64, I64] : host.signature.params.map(typeOfParam);
        const results: readonly WasmType[] =
          host.kind === "indirect" ? ([I64] as const) : typesOfResult(host.signature.result);
        this.#importIndex.set(host.field, this.#module.importFunction("host", host.field, params, results));
        this.#imports.push({ field: host.field, kind: host.kind, id: host.id, name: host.name });
      }
    }
  }

  // Callees before callers; notes whether the stack could run out.
  #sort(): void {
    const depth = new Map<number, number>();
    const open = new Set<number>();
    const anyCallback = [...this.#callbacks()];
    const callees = (start: number): number[] =>
      this.#functions
        .get(start)!
        .calls.flatMap((call) => (call.unknownCallback ? anyCallback : call.callee === undefined ? [] : [call.callee]));
    const stack: { start: number; list: number[]; next: number }[] = [];
    const enter = (start: number): void => {
      open.add(start);
      stack.push({ start, list: callees(start), next: 0 });
    };
    for (const root of this.#functions.keys()) {
      if (depth.has(root)) continue;
      enter(root);
      while (stack.length > 0) {
        const frame = stack.at(-1)!;
        const callee = frame.list[frame.next++];
        if (callee === undefined) {
          stack.pop();
          open.delete(frame.start);
          depth.set(frame.start, 1 + Math.max(0, ...new Set(frame.list.map((to) => depth.get(to) ?? 0))));
          this.#order.push(frame.start);
        } else if (open.has(callee)) this.#mayOverflow = true;
        else if (!depth.has(callee)) enter(callee);
      }
    }
    for (const frames of depth.values()) if (frames > MAX_CALL_FRAMES) this.#mayOverflow = true;
  }

  // Functions whose result somebody looks at: others need not keep it in full.
  #findResultsUsed(): void {
    for (const start of [0, ...this.#callbacks()]) this.#resultsUsed.add(start);
    for (const { unit, calls } of this.#functions.values()) {
      const local = calls.filter((call) => call.callee !== undefined);
      if (local.length === 0) continue;
      const live = liveness(unit, graphOf(unit.succ), this.#effects, () => 0);
      const after = resultsRead(unit, live, this.#effects);
      for (const { isLocal, callee, slot } of local) if (!isLocal || after.has(slot)) this.#resultsUsed.add(callee!);
    }
  }

  // The function at `start` for a caller that comes before it is written: it takes all arguments in full.
  #reference(start: number): LocalFunction {
    let known = this.#local.get(start);
    if (known === undefined) {
      known = this.#declare(start, ARG_MASK, 0);
      this.#local.set(start, known);
    }
    return known;
  }

  #declare(start: number, args: number, narrow: number): LocalFunction {
    const params: WasmType[] = [I32];
    for (let reg = 1; reg <= 5; reg++) if (args & (1 << reg)) params.push(narrow & (1 << reg) ? I32 : I64);
    return { func: this.#module.declare(this.#nameOf(start), params, [I64]), args, narrow };
  }

  #nameOf(start: number): string {
    return (
      this.#image.subprogs.find((subprog) => subprog.start === start)?.name ??
      (start === 0 ? this.#image.name : `func@${start}`)
    );
  }

  #planOf(call: CallFacts, whole: boolean): CallPlan {
    if (call.isLocal) {
      const { func, args, narrow } = this.#reference(call.callee!);
      return { kind: "local", func, args, narrow, mayOverflow: this.#mayOverflow };
    }
    if (call.host !== undefined) {
      const func = this.#importIndex.get(call.host.field)!;
      if (call.host.kind === "indirect") return { kind: "indirect", func };
      return {
        kind: "host",
        func,
        signature: call.host.signature,
        frame: this.#options.checked || call.unknownCallback,
      };
    }
    if (call.loop)
      return { kind: "runtime", func: this.#runtime.loop(call.callee), signature: call.signature!, frame: true };
    if (call.runtime !== undefined && call.iterator !== undefined && whole && this.#iteratorsKnown) {
      return {
        kind: "iterator",
        step: call.runtime,
        offset: call.iterator,
        start: call.start,
        signature: call.signature!,
      };
    }
    if (call.runtime !== undefined) {
      return { kind: "runtime", func: this.#runtime[call.runtime], signature: call.signature!, frame: true };
    }
    return call.plan!;
  }

  // What typing and liveness need to know of the calls of a function.
  #settleCalls(calls: readonly CallFacts[], whole: boolean): Map<number, { low: number; zeroExtended: boolean }> {
    const typings = new Map<number, { low: number; zeroExtended: boolean }>();
    for (const call of calls) {
      const plan = this.#planOf(call, whole);
      this.#plans.set(call.slot, plan);
      let low = 0;
      let zeroExtended = false;
      let reads = 0;
      if (plan.kind === "local") {
        reads = plan.args;
        low = plan.narrow;
      } else if (plan.kind === "indirect") reads = ARG_MASK;
      else if (plan.kind === "array-lookup") {
        reads = 1 << 2;
        low = this.#options.checked ? 0 : reads;
        zeroExtended = true;
      } else if (plan.kind === "constant") zeroExtended = true;
      else if (plan.kind !== "missing") {
        const { params, result } = signatureOf(plan);
        reads = (1 << (params.length + 1)) - 2;
        low = lowParams(params, this.#options.checked);
        zeroExtended = result === "u32" || result === "void";
      }
      if (plan.kind !== "indirect") this.#effects.reads[call.slot] = reads;
      typings.set(call.slot, { low, zeroExtended });
    }
    return typings;
  }

  #write({ start, unit, calls }: Pending): void {
    const whole = sizeOf(unit) <= WHOLE_SLOTS;
    const typings = this.#settleCalls(calls, whole);
    const resultUsed = this.#resultsUsed.has(start);
    const facts = (entrySmall: number): TypingFacts => ({
      resultUsed,
      checked: this.#options.checked,
      smallConstant: (slot) => this.#image.insns[slot + 1].imm === 0,
      callTyping: (slot) => typings.get(slot)!,
      entrySmall,
    });
    if (!whole) cutLongNodes(unit, this.#effects, PIECE_SLOTS);
    else if (!this.#options.checked) unrollCountedLoops(unit, this.#effects);
    const live = liveness(unit, graphOf(unit.succ), this.#effects, () => 0);
    if (!whole) return this.#writePieces(start, unit, live, facts(0));
    const isMain = start === 0 && !this.#local.has(0);
    const notArgs = 0x3ff & ~ARG_MASK;
    const typing = typesOf(unit, live, this.#effects, facts(isMain ? 0x3ff : notArgs), this.#typing);
    const args = live[0] & ARG_MASK;
    let local = this.#local.get(start);
    if (local === undefined) {
      local = this.#declare(start, args, typing.entry & args);
      this.#local.set(start, local);
    }
    this.#writeWhole(local, unit, typing);
    return undefined;
  }

  #context(params: number, frame: number): FunctionContext {
    return new FunctionContext(params, frame, this.#runtime, {
      checked: this.#options.checked,
      listing: this.#options.listing === true,
    });
  }

  #define(func: number, context: FunctionContext): void {
    this.#module.define(func, { locals: context.locals, code: context.expr.finish() });
    this.#marks.set(func, context.marks);
  }

  #writeWhole(local: LocalFunction, unit: Unit, typing: Typing): void {
    const context = this.#context(1 + popCount(local.args), 0);
    const { expr } = context;
    if (this.#options.checked || this.#usesFrame(unit)) context.enterFrame();
    let param = 1;
    for (let reg = 1; reg <= 5; reg++) {
      if (!(local.args & (1 << reg))) continue;
      const from = param++;
      if (!(typing.live & (1 << reg))) continue;
      expr.get(from);
      if (local.narrow & (1 << reg)) context.set32(reg, entryType(typing, reg) === I32);
      else context.set64(reg, entryType(typing, reg) === I32);
    }
    let budget: { get(): void; set(): void } | undefined;
    if (this.#hasMayGoto(unit)) {
      const at = context.temp(I32, "budget");
      expr.i32(BPF_MAX_LOOPS);
      expr.set(at);
      budget = { get: () => expr.get(at), set: () => expr.set(at) };
    }
    this.#writeBody(context, unit, typing, {}, budget);
    this.#define(local.func, context);
  }

  #writeBody(
    context: FunctionContext,
    unit: Unit,
    typing: Typing,
    boundary: Boundary,
    budget: { get(): void; set(): void } | undefined,
  ): void {
    writeUnit(context, {
      unit,
      effects: this.#effects,
      typing,
      boundary,
      budget,
      callPlan: (slot) => this.#plans.get(slot)!,
      // a piece is part of a function too long for iterators in line
      iterators:
        this.#iteratorsKnown && boundary.registers === undefined
          ? iteratorUses(unit, this.#effects, (slot) => this.#iteratorCall(slot), typing.liveAt)
          : undefined,
    });
  }

  #iteratorCall(slot: number): IteratorCall | undefined {
    const plan = this.#plans.get(slot);
    return plan?.kind === "iterator" ? plan : undefined;
  }

  #hasMayGoto(unit: Unit): boolean {
    const { rows } = this.#effects;
    return unit.kind.some((kind, node) => kind === NODE_CODE && rows[unit.end[node] - 1]?.op === "may_goto");
  }

  // True when the code may ask for the low end of the frame: an access through r10, or a call.
  #usesFrame(unit: Unit): boolean {
    const { insns, rows } = this.#effects;
    return unit.kind.some((kind, node) => {
      if (kind !== NODE_CODE) return false;
      for (let slot = unit.first[node]; slot < unit.end[node]; slot++) {
        const { dst_reg, src_reg } = insns[slot];
        const op = rows[slot]?.op;
        if (dst_reg === 10 || src_reg === 10 || op === "call" || op === "callx") return true;
      }
      return false;
    });
  }

  #registerGlobals(): number[] {
    this.#registers ??= Array.from({ length: 10 }, () => this.#module.globals.add(I64));
    return this.#registers;
  }

  // A function in pieces: each takes frame and door and gives the next door, or -1 when r0 is the result.
  #writePieces(start: number, unit: Unit, live: Uint32Array, facts: TypingFacts): void {
    const registers = this.#registerGlobals();
    const args = live[0] & ARG_MASK;
    let local = this.#local.get(start);
    if (local === undefined) this.#local.set(start, (local = this.#declare(start, args, 0)));
    const mayGoto = this.#hasMayGoto(unit);
    if (mayGoto) this.#budgetGlobal ??= this.#module.globals.add(I32);
    const budgetGlobal = this.#budgetGlobal ?? 0;
    const { pieces, entryDoor, nodeOfDoor } = split(unit, PIECE_SLOTS);
    const funcs = pieces.map((_, i) => this.#module.declare(`${this.#nameOf(start)}#${i}`, [I32, I32], [I32]));
    for (const [i, piece] of pieces.entries()) {
      const liveIn = liveness(
        piece,
        graphOf(piece.succ),
        this.#effects,
        (node) => live[nodeOfDoor.get(piece.first[node])!],
      );
      const typing = typesOf(piece, liveIn, this.#effects, facts, this.#typing);
      const context = this.#context(2, 0);
      const { expr } = context;
      context.enterFrame();
      enterPiece(context, typing, registers);
      const budget = mayGoto
        ? { get: () => expr.globalGet(budgetGlobal), set: () => expr.globalSet(budgetGlobal) }
        : undefined;
      this.#writeBody(context, piece, typing, { registers, state: 1 }, budget);
      this.#define(funcs[i], context);
    }
    this.#writeTrampoline(local, funcs, entryDoor, registers, mayGoto ? budgetGlobal : undefined);
  }

  #writeTrampoline(
    local: LocalFunction,
    funcs: readonly number[],
    entryDoor: number,
    registers: readonly number[],
    budget: number | undefined,
  ): void {
    const context = this.#context(1 + popCount(local.args), 0);
    const { expr } = context;
    const door = context.temp(I32, "door");
    let param = 1;
    for (let reg = 0; reg < 10; reg++) {
      if (reg >= 1 && reg <= 5 && local.args & (1 << reg)) expr.get(param++);
      else expr.i64(0, 0);
      expr.globalSet(registers[reg]);
    }
    if (budget !== undefined) {
      expr.i32(BPF_MAX_LOOPS);
      expr.globalSet(budget);
    }
    expr.i32(entryDoor);
    expr.set(door);
    const again = expr.loop();
    if (this.#options.checked) {
      expr.i32(this.#startOf(local));
      expr.i32(1);
      expr.call(this.#runtime.poll);
    }
    const labels = funcs.map(() => expr.block()).reverse();
    expr.get(door);
    expr.i32(Math.log2(DOOR_STEP));
    expr.op(OP["i32.shr_u"]);
    expr.brTable(labels);
    for (const func of funcs) {
      expr.end();
      expr.get(context.frame);
      expr.get(door);
      expr.i32(DOOR_STEP - 1);
      expr.op(OP["i32.and"]);
      expr.call(func);
      expr.tee(door);
      expr.i32(0);
      expr.op(OP["i32.ge_s"]);
      expr.brIf(again);
      expr.globalGet(registers[0]);
      expr.op(OP.return);
    }
    expr.end();
    expr.op(OP.unreachable);
    this.#define(local.func, context);
  }

  #startOf(local: LocalFunction): number {
    for (const [start, { func }] of this.#local) if (func === local.func) return start;
    return 0;
  }

  // A run: calls the program with the locals for r1 on, keeps r0, and pushes its low half.
  #writeEntry(expr: Expr, locals: readonly number[]): void {
    const { func, args, narrow } = this.#reference(0);
    expr.i32(this.#image.stack.end);
    for (let reg = 1; reg <= 5; reg++) {
      if (args & (1 << reg)) pushEntry(expr, locals[reg - 1], (narrow & (1 << reg)) !== 0);
    }
    expr.call(func);
    expr.globalSet(this.#runtime.r0);
    expr.globalGet(this.#runtime.r0);
    expr.op(OP["i32.wrap_i64"]);
  }

  // run(ctx, arg2): the entry on the uppermost frame; r0 in full stays in a global.
  #writeRun(): void {
    const run = this.#module.declare("run", [I32, I32], [I32]);
    const context = this.#context(2, 0);
    this.#writeEntry(context.expr, [0, 1]);
    this.#module.define(run, { locals: context.locals, code: context.expr.finish() });
    this.#module.exports.add(EXPORT.run, "function", run);
    const { repeat } = this.#options;
    if (repeat) {
      const entry = (expr: Expr, ctx: number): void => this.#writeEntry(expr, [ctx]);
      this.#module.exports.add(EXPORT.repeat, "function", writeRepeat(this.#module, entry, repeat));
    }
    if ([...this.#functions.values()].some(({ calls }) => calls.some((call) => call.unknownCallback))) {
      this.#module.exports.add(EXPORT.callback, "function", this.#runtime.callback);
    }
  }
}

// Pushes an argument: a local's address, or 0.
function pushEntry(expr: Expr, local: number | undefined, isI32: boolean): void {
  if (local !== undefined) {
    expr.get(local);
    if (!isI32) expr.op(OP["i64.extend_i32_u"]);
  } else if (isI32) expr.i32(0);
  else expr.i64(0, 0);
}

function popCount(mask: number): number {
  let count = 0;
  for (let rest = mask; rest !== 0; rest &= rest - 1) count++;
  return count;
}

/** Compiles `image`, which buildImage() has validated. */
export function compile(image: VmImage, options: CompileOptions): JitProgram {
  return new Compiler(image, options).compile();
}
