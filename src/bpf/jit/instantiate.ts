// A compiled program joined with its memory and the functions it calls: an Executable. Faults come from three places: the
// program's own checks (imports that throw), helpers that refuse an argument, and traps of bare code, which are led back to
// their instruction by the source map.

import { disasmInsn, helperName, MAX_BPF_STACK } from "../isa/index.ts";
import {
  CONTROL_ABORT,
  createServices,
  HELPERS,
  KFUNCS,
  VmError,
  VmFault,
  type Executable,
  type FaultFacts,
  type HostFunction,
  type ParamKind,
  type VmEnv,
  type VmHost,
  type VmImage,
  type VmMemory,
} from "../vm/index.ts";
import type { JitImport, JitProgram } from "./compile.ts";
import { FAULT_KINDS, MEMORY_ALIGNMENT, MEMORY_POINTER, MEMORY_WRITE } from "./context.ts";
import { EXPORT } from "./runtime.ts";
import { slotAt, trapOffset } from "./source-map.ts";

type Argument = number | bigint;
type ImportFunction = (...args: never[]) => Argument | void;

interface JitExports {
  readonly run: (ctx: number, arg2: number) => number;
  readonly repeat?: (ctx: number, limit: number) => number;
  readonly callback?: (
    start: number,
    frame: number,
    a1: bigint,
    a2: bigint,
    a3: bigint,
    a4: bigint,
    slot: number,
  ) => bigint;
  readonly r0: WebAssembly.Global;
  readonly fuel: WebAssembly.Global;
  readonly slot: WebAssembly.Global;
  readonly frame: WebAssembly.Global;
}

/** Budget when there is none: no program lives to use it up. */
const ENDLESS = 1n << 62n;

// What host functions get. Slot and frame of the running call are left in globals by the generated code.
class JitHost {
  readonly image: VmImage;
  readonly memory: VmMemory;
  readonly host: VmHost;
  readonly #checked: boolean;
  exports: JitExports | undefined;

  constructor(image: VmImage, memory: VmMemory, env: VmEnv, checked: boolean) {
    this.image = image;
    this.memory = memory;
    this.#checked = checked;
    this.host = {
      ...createServices(image, memory, env),
      check: (address, size, write) => this.#check(address, size, write),
      readable: (address, size) => this.#allowed(address, size, false),
      fail: (detail) =>
        this.raise({ kind: "helper", insn: this.slot, detail: `${disasmInsn(image.insns, this.slot)}: ${detail}` }),
      callback: (start, ctx, ctxAt) => this.#callback(start, ctx, ctxAt),
    };
  }

  get slot(): number {
    return this.exports!.slot.value as number;
  }

  raise(facts: FaultFacts): never {
    throw new VmFault(facts, this.image);
  }

  // Frames below the running one are no memory of the program's; bare code does not say which one runs.
  #allowed(address: number, size: number, write: boolean): boolean {
    const { start, end } = this.image.stack;
    if (address >= start && address < end && this.#checked) {
      return address >= (this.exports!.frame.value as number) && address + size <= end;
    }
    return this.memory.find(address, size, write) >= 0;
  }

  #check(address: number, size: number, write: boolean): void {
    if (this.#allowed(address, size, write)) return;
    this.memoryFault(this.slot, BigInt(address), size, write, this.exports!.frame.value as number);
  }

  memoryFault(insn: number, address: bigint, size: number, write: boolean, frameLow: number): never {
    const below = address >= BigInt(this.image.stack.start) && address < BigInt(frameLow);
    const detail = below
      ? `${frameLow - Number(address)} bytes below the stack of this frame`
      : this.memory.describe(address, size, write);
    this.raise({ kind: "memory", insn, address, size, write, detail });
  }

  #callback(start: number, ctx: bigint, ctxAt: number): (a1: number, a2?: number, a3?: number) => number {
    const { slot } = this;
    const frame = this.exports!.frame.value as number;
    if (!this.image.starts.includes(start)) this.host.fail("r2 is not a function of the program");
    return (a1, a2 = 0, a3 = 0) => {
      const args = [a1, a2, a3, 0].map((value) => BigInt(value >>> 0));
      args[ctxAt - 1] = ctx;
      const r0 = this.exports!.callback!(start, frame, args[0], args[1], args[2], args[3], slot);
      // The callback may have made host calls of its own.
      this.exports!.slot.value = slot;
      this.exports!.frame.value = frame;
      return Number(BigInt.asIntN(32, r0));
    };
  }

  callDepthFault(insn: number): never {
    const frames = Math.floor((this.image.stack.end - this.image.stack.start) / 512) + 1;
    this.raise({ kind: "call-depth", insn, detail: `the call stack of ${frames} frames is too deep` });
  }

  helperFault(insn: number, register: number): never {
    const { image } = this;
    const { imm, src_reg } = image.insns[insn];
    if (register !== 0) {
      const detail = `${disasmInsn(image.insns, insn)}: r${register} is not a function of the program`;
      this.raise({ kind: "helper", insn, detail });
    }
    if (src_reg === 0) this.raise({ kind: "helper", insn, detail: missingHelper(imm) });
    const name = image.kfuncs[imm];
    this.raise({
      kind: "helper",
      insn,
      detail: `kfunc ${name === undefined || name === "" ? `#${imm}` : name} is not available here`,
    });
  }
}

function missingHelper(id: number): string {
  const name = helperName(id);
  return name === undefined || id === 0 ? `there is no helper #${id}` : `helper ${name}#${id} is not supported here`;
}

// WebAssembly hands over signed numbers; helpers take addresses and 64-bit values unsigned.
function convert(kind: ParamKind, value: Argument): Argument {
  if (kind === "ptr") return (value as number) >>> 0;
  return kind === "i64" ? BigInt.asUintN(64, value as bigint) : value;
}

function bindHostFunction({ params, call }: HostFunction, host: VmHost): ImportFunction {
  const target = call as (host: VmHost, ...args: Argument[]) => Argument | void;
  const [a, b, c] = params as [ParamKind, ParamKind, ParamKind];
  // Spelled out by arity, because spreading an array costs more than most helpers.
  switch (params.length) {
    case 0:
      return () => target(host);
    case 1:
      return (x: Argument) => target(host, convert(a, x));
    case 2:
      return (x: Argument, y: Argument) => target(host, convert(a, x), convert(b, y));
    case 3:
      return (x: Argument, y: Argument, z: Argument) => target(host, convert(a, x), convert(b, y), convert(c, z));
    default:
      return (...args: Argument[]) => target(host, ...args.map((value, i) => convert(params[i], value)));
  }
}

function bindCallee(callee: { readonly params: readonly ParamKind[]; readonly call: unknown }): ImportFunction {
  const call = callee.call as (...args: Argument[]) => Argument | void;
  if (!callee.params.includes("i64")) return call;
  return (...args: Argument[]) => call(...args.map((value, i) => convert(callee.params[i], value)));
}

// callx: a helper whose number is known only now, so that its arguments come as they are.
function bindIndirect(host: JitHost, helpers: VmEnv["helpers"]): ImportFunction {
  return (id: number, ...args: bigint[]): bigint => {
    const own = helpers?.[id];
    const helper = HELPERS.get(id);
    if (own === undefined && helper === undefined)
      return host.raise({ kind: "helper", insn: host.slot, detail: missingHelper(id) });
    const params: readonly ParamKind[] = own?.params ?? helper!.params;
    const values = params.map((kind, i): Argument => {
      const value = BigInt.asUintN(64, args[i]);
      if (kind === "i64") return value;
      if (kind === "num") return Number(value);
      if (kind === "ptr" && value >= 1n << 32n) {
        const detail = host.memory.describe(value, 1, false);
        return host.raise({ kind: "memory", insn: host.slot, address: value, detail });
      }
      const low = Number(BigInt.asIntN(32, value));
      return kind === "ptr" ? low >>> 0 : low;
    });
    const call = (own?.call ?? helper!.call) as (...args: unknown[]) => Argument | void;
    const result = own === undefined ? call(host.host, ...values) : call(...values);
    if (typeof result === "bigint") return result;
    const signed = own === undefined ? helper!.result === "i32" : own.result === "i32" && own.signed === true;
    return BigInt(signed ? (result ?? 0) | 0 : (result ?? 0) >>> 0);
  };
}

function importOf({ kind, id, name, field }: JitImport, host: JitHost, env: VmEnv): ImportFunction {
  if (kind === "indirect") return bindIndirect(host, env.helpers);
  const own = kind === "helper" ? env.helpers?.[id] : env.kfuncs?.[name];
  if (own !== undefined) return bindCallee(own);
  const func = kind === "helper" ? HELPERS.get(id) : KFUNCS.get(name);
  if (func !== undefined) return bindHostFunction(func, host.host);
  throw new VmError("VM_IMAGE", {
    message: `the program was compiled for a host with ${kind} ${field}, which this one lacks`,
    where: host.image.name,
    remedy: "Compile it with the same kfuncs and helpers it is run with",
  });
}

class JitExecutable implements Executable {
  readonly repeat: Executable["repeat"];
  readonly #program: JitProgram;
  readonly #host: JitHost;
  readonly #exports: JitExports;
  readonly #fuel: bigint;
  /** A budget is for each run anew; setting it costs more than a short run. */
  readonly #limited: boolean;
  /** The low words of the memory, which every view of it shows: a run that begins asks the abort flag. */
  readonly #low: Int32Array;
  readonly #maxInsns: number | undefined;

  constructor(program: JitProgram, module: WebAssembly.Module, image: VmImage, memory: VmMemory, env: VmEnv) {
    const host = new JitHost(image, memory, env, program.checked);
    this.#program = program;
    this.#host = host;
    this.#maxInsns = env.maxInsns;
    const endless = env.maxInsns === undefined || !Number.isFinite(env.maxInsns);
    this.#fuel = endless ? ENDLESS : BigInt(Math.floor(env.maxInsns));
    this.#limited = program.checked && !endless;
    this.#low = memory.words;
    const imports: Record<string, ImportFunction> = {};
    for (const needed of program.imports) imports[needed.field] = importOf(needed, host, env);
    const instance = new WebAssembly.Instance(module, {
      env: {
        memory: memory.memory,
        fault: (kind: number, insn: number, argument: number) => this.#fault(kind, insn, argument),
        fault_memory: (low: number, high: number, size: number, flags: number, insn: number, frameLow: number) =>
          this.#memoryFault((BigInt(high >>> 0) << 32n) | BigInt(low >>> 0), size, flags, insn, frameLow),
      },
      host: imports,
    });
    this.#exports = instance.exports as unknown as JitExports;
    host.exports = this.#exports;
    this.#exports.fuel.value = this.#fuel;
    const { repeat } = this.#exports;
    // a budget is for each run anew
    if (repeat === undefined || this.#limited) return;
    this.repeat = (ctx, limit) => {
      if (this.#low[CONTROL_ABORT >> 2] !== 0) host.raise({ kind: "aborted", insn: 0 });
      try {
        return repeat(ctx, limit);
      } catch (error) {
        throw this.#explain(error);
      }
    };
  }

  run(ctx: number, arg2 = 0): number {
    if (this.#limited) this.#exports.fuel.value = this.#fuel;
    if (this.#low[CONTROL_ABORT >> 2] !== 0) this.#host.raise({ kind: "aborted", insn: 0 });
    try {
      return this.#exports.run(ctx, arg2);
    } catch (error) {
      throw this.#explain(error);
    }
  }

  get r0(): bigint {
    return BigInt.asUintN(64, this.#exports[EXPORT.r0].value as bigint);
  }

  #fault(kind: number, insn: number, argument: number): never {
    const name = FAULT_KINDS[kind];
    if (name === "call-depth") this.#host.callDepthFault(insn);
    if (name === "helper") this.#host.helperFault(insn, argument);
    if (name === "steps")
      this.#host.raise({ kind: "steps", insn, detail: `the budget of ${this.#maxInsns} instructions is used up` });
    return this.#host.raise({ kind: name, insn });
  }

  #memoryFault(address: bigint, size: number, flags: number, insn: number, frameLow: number): never {
    const write = (flags & MEMORY_WRITE) !== 0;
    if (flags & MEMORY_POINTER)
      this.#host.raise({ kind: "memory", insn, address, detail: this.#host.memory.describe(address, 1, false) });
    if (flags & MEMORY_ALIGNMENT) this.#host.raise({ kind: "memory", insn, address, size, write, detail: ALIGNMENT });
    return this.#host.memoryFault(insn, address, size, write, frameLow);
  }

  // A trap becomes a fault; anything else is the host's own error and passes. Calls that did not end left their frames open.
  #explain(error: unknown): unknown {
    if (this.#program.checked) {
      const { start, end } = this.#host.image.stack;
      this.#host.memory.closeFrames(start, end - MAX_BPF_STACK);
    }
    if (error instanceof RangeError && /call stack/i.test(error.message)) {
      return new VmFault(
        { kind: "call-depth", insn: this.#slotOf(error) ?? 0, detail: "the call stack of the engine is exhausted" },
        this.#host.image,
      );
    }
    if (!(error instanceof WebAssembly.RuntimeError)) return error;
    const insn = this.#slotOf(error);
    if (insn === undefined) {
      const detail = `${error.message}, somewhere in the program: the error has no stack to tell where (Error.stackTraceLimit)`;
      return new VmFault({ kind: "memory", insn: 0, detail }, this.#host.image);
    }
    const { code } = this.#host.image.insns[insn];
    // BPF_ST and BPF_STX are 2 and 3.
    const write = (code & 6) === 2;
    const detail = /unaligned/.test(error.message) ? ALIGNMENT : error.message;
    return new VmFault({ kind: "memory", insn, write, detail }, this.#host.image);
  }

  #slotOf(error: Error): number | undefined {
    const offset = trapOffset(error.stack ?? "");
    return offset === undefined ? undefined : slotAt(this.#program.sourceMap, offset);
  }
}

const ALIGNMENT = "an atomic operation needs natural alignment";

/**
 * Joins a compiled program with its memory and the world. `module` is the program's bytes compiled, once for all threads;
 * `memory` a view of the image's memory. Throws VmError when `env` lacks a function the program was compiled for.
 */
export function instantiate(
  program: JitProgram,
  module: WebAssembly.Module,
  image: VmImage,
  memory: VmMemory,
  env: VmEnv = {},
): Executable & { run(ctx: number, arg2?: number): number } {
  return new JitExecutable(program, module, image, memory, env);
}
