// What the emitters of one function share: the expression, its locals, and how BPF registers are read from and written to
// them. Register k is local `wide(k)` (i64) or `narrow(k)` (i32), as typing says of each value.

import { Expr, I32, I64, OP, type WasmType } from "../../wasm/index.ts";
import type { FaultKind } from "../vm/index.ts";
import { MAX_BPF_STACK, type Insn, type OpRow } from "../isa/index.ts";
import { REGISTERS } from "./effects.ts";

/** Indices of the module's own functions and globals. */
export interface Runtime {
  /** (address i64, size i32, slot i32, lowest frame address i32) -> i32: the address when the program may access it, or a fault. */
  readonly checkRead: number;
  readonly checkWrite: number;
  /** (address i64, size i32, slot i32, write i32, lowest frame address i32): ends the run with a fault. */
  readonly badAccess: number;
  /** (address i32, size i32, write i32, slot i32) -> i32: the address when it is aligned to the size, or a fault. */
  readonly aligned: number;
  /** (kind i32, slot i32, argument i32): ends the run with a fault; `argument` is the register that is to blame, or 0. */
  readonly fault: number;
  /** (slot i32, cost i32): the poll of a call in checked code, and of each turn of bpf_loop. */
  readonly poll: number;
  /** (slot i32): ends the run for the reason poll would. */
  readonly stop: number;
  /** What is left of the budget; i64. */
  readonly fuel: number;
  /** (address i64, slot i32) -> i32: a pointer argument, below 4 GiB or a fault. */
  readonly pointer: number;
  /** (reference i64, slot i32, register i32) -> i32: the first slot of a callback, or a fault. */
  readonly funcSlot: number;
  /** Slot of the running host call, and the frame its callbacks get; i32. */
  readonly slotGlobal: number;
  readonly frameGlobal: number;
  /** Lowest address of the stack. */
  readonly stackStart: number;
}

/** Kinds as the `fault` import takes them: places in the list. */
export const FAULT_KINDS: readonly FaultKind[] = ["memory", "code", "call-depth", "helper", "steps", "aborted"];
export const FAULT_CODE = 1;
export const FAULT_CALL_DEPTH = 2;
export const FAULT_HELPER = 3;
export const FAULT_STEPS = 4;
export const FAULT_ABORTED = 5;

/** Flags of a memory fault. */
export const MEMORY_WRITE = 1;
/** Natural alignment is missing. */
export const MEMORY_ALIGNMENT = 2;
/** It was an argument, and no access. */
export const MEMORY_POINTER = 4;

/** One instruction to be written. */
export interface Site {
  readonly slot: number;
  readonly insn: Insn;
  readonly row: OpRow;
  /** Typing bits of the slot. */
  readonly bits: number;
}

/** Locals and code of one function. */
export class FunctionContext {
  readonly expr: Expr;
  readonly runtime: Runtime;
  /** Every access is checked against the segment table. */
  readonly checked: boolean;
  readonly locals: WasmType[] = [];
  /** Local that holds r10, an i32. */
  readonly frame: number;
  readonly #params: number;
  readonly #wide = new Int32Array(REGISTERS).fill(-1);
  readonly #narrow = new Int32Array(REGISTERS).fill(-1);
  readonly #temps = new Map<string, number>();
  #frameLow = -1;
  /** Pairs of code offset and slot, ascending in offset. */
  readonly marks: number[] = [];
  readonly #listing: boolean;

  constructor(
    params: number,
    frame: number,
    runtime: Runtime,
    options: { readonly checked: boolean; readonly listing: boolean },
  ) {
    this.expr = new Expr();
    this.#params = params;
    this.frame = frame;
    this.runtime = runtime;
    this.checked = options.checked;
    this.#listing = options.listing;
  }

  /** Notes that what follows belongs to `slot`. */
  mark(slot: number): void {
    this.marks.push(this.expr.offset, slot);
  }

  /** The same for an instruction that cannot trap, when a listing is wanted. */
  note(slot: number): void {
    if (this.#listing) this.mark(slot);
  }

  #local(type: WasmType): number {
    return this.#params + this.locals.push(type) - 1;
  }

  wide(reg: number): number {
    if (this.#wide[reg] === -1) this.#wide[reg] = this.#local(I64);
    return this.#wide[reg];
  }

  narrow(reg: number): number {
    if (this.#narrow[reg] === -1) this.#narrow[reg] = this.#local(I32);
    return this.#narrow[reg];
  }

  /** A scratch local, the same for the same name; not kept across instructions. */
  temp(type: WasmType, name: string): number {
    const key = `${type} ${name}`;
    let local = this.#temps.get(key);
    if (local === undefined) this.#temps.set(key, (local = this.#local(type)));
    return local;
  }

  /** Local that holds the lowest address of the frame: frame offsets are negative, those of WebAssembly are not. */
  get frameLow(): number {
    if (this.#frameLow === -1) this.#frameLow = this.#local(I32);
    return this.#frameLow;
  }

  /** Fills `frameLow`; at the start of the function. */
  enterFrame(): void {
    this.expr.get(this.frame);
    this.expr.i32(-MAX_BPF_STACK);
    this.expr.op(OP["i32.add"]);
    this.expr.set(this.frameLow);
  }

  /** Pushes a register as i64. */
  get64(reg: number, isI32: boolean): void {
    if (reg === 10) this.expr.get(this.frame);
    else this.expr.get(isI32 ? this.narrow(reg) : this.wide(reg));
    if (reg === 10 || isI32) this.expr.op(OP["i64.extend_i32_u"]);
  }

  /** Pushes the low half of a register as i32. */
  get32(reg: number, isI32: boolean): void {
    if (reg === 10) this.expr.get(this.frame);
    else if (isI32) this.expr.get(this.narrow(reg));
    else {
      this.expr.get(this.wide(reg));
      this.expr.op(OP["i32.wrap_i64"]);
    }
  }

  /** Pops an i64 into a register. */
  set64(reg: number, isI32: boolean): void {
    if (isI32) {
      this.expr.op(OP["i32.wrap_i64"]);
      this.expr.set(this.narrow(reg));
    } else this.expr.set(this.wide(reg));
  }

  /** Pops an i32 into a register, zero-extended. */
  set32(reg: number, isI32: boolean): void {
    if (isI32) this.expr.set(this.narrow(reg));
    else {
      this.expr.op(OP["i64.extend_i32_u"]);
      this.expr.set(this.wide(reg));
    }
  }

  /** Pushes a sign-extended immediate of either width. */
  immediate(wide: boolean, imm: number): void {
    if (wide) this.expr.i64(imm, imm >> 31);
    else this.expr.i32(imm);
  }

  /** Pops an i32 or i64 result into a register. */
  set(wide: boolean, reg: number, isI32: boolean): void {
    if (wide) this.set64(reg, isI32);
    else this.set32(reg, isI32);
  }

  /** Pushes a register at either width. */
  get(wide: boolean, reg: number, isI32: boolean): void {
    if (wide) this.get64(reg, isI32);
    else this.get32(reg, isI32);
  }
}
