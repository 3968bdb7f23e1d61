// The verifier's log, letter for letter as the kernel writes it (kernel/bpf/log.c at v7.2): the buffer that can be wound
// back, and registers, slots and whole states as text.

import {
  ADD_CONST,
  baseType,
  CONST_PTR_TO_DYNPTR,
  CONST_PTR_TO_MAP,
  DYNPTR_RINGBUF,
  isNonOwning,
  ITER_ACTIVE,
  NOT_INIT,
  PTR_TO_ARENA,
  PTR_TO_BTF_ID,
  PTR_TO_MAP_KEY,
  PTR_TO_MAP_VALUE,
  PTR_TO_MEM,
  PTR_TO_STACK,
  SCALAR_VALUE,
  typeName,
  type Reg,
} from "./reg-state.ts";
import {
  STACK_DYNPTR,
  STACK_INVALID,
  STACK_ITER,
  STACK_POISON,
  STACK_SPILL,
  slotKind,
  typeAt,
  type Frame,
  type Slot,
  type State,
} from "./states.ts";
import { tnumIsUnknown, type Tnum } from "./tnum.ts";
import { isZero, toBigInt, toSigned } from "./u64.ts";

export const LOG_LEVEL1 = 1;
export const LOG_LEVEL2 = 2;
export const LOG_STATS = 4;

/** Which registers and slots changed since they were last shown. */
export interface Changes {
  isRegScratched(reg: number): boolean;
  isSlotScratched(slot: number): boolean;
  markClean(): void;
}

/** Text that grows at the end, can be cut back to an earlier length, and forgets its beginning when it gets too long. */
export class LogBuffer {
  #parts: string[] = [];
  #end = 0;
  #dropped = 0;
  readonly #most: number;

  constructor(most: number) {
    this.#most = most;
  }

  /** Characters written so far. */
  get end(): number {
    return this.#end;
  }

  write(text: string): void {
    if (text === "") return;
    this.#parts.push(text);
    this.#end += text.length;
    if (this.#end - this.#dropped > 2 * this.#most) this.#forget();
  }

  /** Cuts back to `length` characters. */
  cut(length: number): void {
    while (this.#end > length) {
      const last = this.#parts.pop();
      if (last === undefined) return;
      this.#end -= last.length;
      if (this.#end < length) {
        this.#parts.push(last.slice(0, length - this.#end));
        this.#end = length;
      }
    }
  }

  #forget(): void {
    const text = this.#parts.join("").slice(-this.#most);
    this.#dropped = this.#end - text.length;
    this.#parts = [text];
  }

  toString(): string {
    return this.#parts.join("");
  }
}

const isDecimal = (value: bigint): boolean => value >= 0n && value <= 65535n;
const isSignedDecimal = (value: bigint): boolean => value >= -32768n && value <= 32767n;
const hex = (value: bigint): string => `0x${BigInt.asUintN(64, value).toString(16)}`;

function unsignedText(value: bigint): string {
  return isDecimal(value) ? String(value) : hex(value);
}

function signedText(value: bigint): string {
  return isSignedDecimal(value) ? String(value) : hex(value);
}

/** `(0x0; 0xff)`, or the number when all bits are known. */
export function tnumText(a: Tnum): string {
  const value = toBigInt(a.value);
  if (!isZero(a.mask)) return `(${value === 0n ? "0x0" : hex(value)}; ${hex(toBigInt(a.mask))})`;
  if (isDecimal(value)) return String(value);
  const signed = toSigned(a.value);
  return isSignedDecimal(signed) ? String(signed) : hex(value);
}

interface Bound {
  readonly name: string;
  readonly value: bigint;
  readonly negative: boolean;
  shown: boolean;
}

/** `smin=0,smax=umax=15`: bounds that say something, equal ones of the same kind joined. */
function rangeText(reg: Reg): string {
  const { range } = reg;
  const bound = (name: string, value: bigint, omit: boolean): Bound => ({
    name,
    value: BigInt.asUintN(64, value),
    negative: name.startsWith("s") && BigInt.asIntN(64, value) < 0n,
    shown: omit,
  });
  const s32 = (value: number): bigint => (value >= -32768 && value <= 32767 ? BigInt(value) : BigInt(value >>> 0));
  const smin = toSigned(range.smin);
  const smax = toSigned(range.smax);
  const umin = toBigInt(range.umin);
  const umax = toBigInt(range.umax);
  const bounds = [
    bound("smin", smin, smin === -(1n << 63n)),
    bound("smax", smax, smax === (1n << 63n) - 1n),
    bound("umin", umin, umin === 0n),
    bound("umax", umax, umax === (1n << 64n) - 1n),
    bound("smin32", s32(range.smin32), range.smin32 === -0x8000_0000),
    bound("smax32", s32(range.smax32), range.smax32 === 0x7fff_ffff),
    bound("umin32", BigInt(range.umin32), range.umin32 === 0),
    bound("umax32", BigInt(range.umax32), range.umax32 === 0xffff_ffff),
  ];
  const out: string[] = [];
  bounds.forEach((first, i) => {
    if (first.shown) return;
    let text = `${first.name}=`;
    // minima are joined with minima, maxima with maxima
    for (let j = i + 2; j < bounds.length; j += 2) {
      const other = bounds[j];
      if (other.shown || other.value !== first.value || other.negative !== first.negative) continue;
      other.shown = true;
      text += `${other.name}=`;
    }
    text += first.name.startsWith("s") ? signedText(BigInt.asIntN(64, first.value)) : unsignedText(first.value);
    out.push(text);
  });
  return out.join(",");
}

const DYNPTR_NAMES: Readonly<Record<number, string>> = { 1: "local", [DYNPTR_RINGBUF]: "ringbuf" };

export function dynptrName(kind: number): string {
  return DYNPTR_NAMES[kind] ?? "<invalid>";
}

/** One register as text: `scalar(id=1,umax=15,...)`, `ctx()`, `fp-8`, `5`. */
function regText(reg: Reg, frame: Frame, precise: boolean): string {
  const { type, range } = reg;
  const mark = type === SCALAR_VALUE && precise ? "P" : "";
  if (type === SCALAR_VALUE && range.isConst) return mark + signedText(toSigned(range.value));
  let text = mark + typeName(type);
  if (type === PTR_TO_ARENA) return text;
  if (type === PTR_TO_STACK) {
    if (frame.frameno !== reg.frameno) text += `[${reg.frameno}]`;
    if (range.isConst) return text + signedText(toSigned(range.value));
  }
  const base = baseType(type);
  if (base === PTR_TO_BTF_ID && reg.btf !== undefined) text += reg.btf.nameOf(reg.num);
  const fields: string[] = [];
  if (reg.id !== 0) {
    const delta = reg.id & ADD_CONST ? (reg.delta < 0 ? String(reg.delta) : `+${reg.delta}`) : "";
    fields.push(`id=${reg.id & ~ADD_CONST}${delta}`);
  }
  if (reg.parent_id !== 0) fields.push(`parent_id=${reg.parent_id}`);
  if (isNonOwning(type)) fields.push("non_own_ref");
  if (base === CONST_PTR_TO_MAP || base === PTR_TO_MAP_KEY || base === PTR_TO_MAP_VALUE) {
    if (reg.map?.name) fields.push(`map=${reg.map.name}`);
    fields.push(`ks=${reg.map?.key_size ?? 0}`, `vs=${reg.map?.value_size ?? 0}`);
  }
  if (base === PTR_TO_MEM) fields.push(`sz=${unsignedText(BigInt(reg.num))}`);
  if (type === CONST_PTR_TO_DYNPTR) fields.push(`type=${dynptrName(reg.num)}`);
  if (range.isConst) {
    if (!isZero(range.value)) fields.push(`imm=${signedText(toSigned(range.value))}`);
  } else {
    const bounds = rangeText(reg);
    if (bounds !== "") fields.push(bounds);
    if (!tnumIsUnknown(range.bits)) fields.push(`var_off=${tnumText(range.bits)}`);
  }
  return `${text}(${fields.join(",")})`;
}

const SLOT_LETTERS = "?rm0difp";

function slotLetters(types: number): string {
  let text = "";
  for (let i = 0; i < 8; i++) text += SLOT_LETTERS[typeAt(types, i)] ?? "?";
  return text;
}

function isBlank(slot: Slot): boolean {
  for (let i = 0; i < 8; i++) {
    const type = typeAt(slot.types, i);
    if (type !== STACK_INVALID && type !== STACK_POISON) return false;
  }
  return true;
}

function slotsText(changes: Changes, frame: Frame, all: boolean): string {
  let text = "";
  for (let i = 0; i < frame.slots.length; i++) {
    if (!all && !changes.isSlotScratched(i)) continue;
    const slot = frame.slots[i];
    if (isBlank(slot)) continue;
    const at = ` fp${-(i + 1) * 8}`;
    switch (slotKind(slot)) {
      case STACK_SPILL: {
        const letters = slotLetters(slot.types);
        text += `${at}=${letters.slice(0, letters.indexOf("r"))}${regText(slot.reg, frame, frame.isPreciseSlot(i))}`;
        break;
      }
      case STACK_DYNPTR: {
        // the second slot is the one that says what it is
        i++;
        const { reg } = frame.slots[i] ?? slot;
        const ids = [reg.id && `id=${reg.id}`, reg.parent_id && `parent_id=${reg.parent_id}`].filter(Boolean).join(",");
        text += ` fp${-(i + 1) * 8}=dynptr_${dynptrName(reg.num)}(${ids})`;
        break;
      }
      case STACK_ITER: {
        const { reg } = slot;
        if (reg.id === 0) break;
        const name = reg.btf?.nameOf(reg.num).slice("bpf_iter_".length) ?? "<invalid>";
        text += `${at}=iter_${name}(id=${reg.id},state=${reg.state === ITER_ACTIVE ? "active" : "drained"},depth=${reg.depth})`;
        break;
      }
      default:
        text += `${at}=${slotLetters(slot.types)}`;
    }
  }
  return text;
}

/** A state as one line, newline included; only what changed since the last print unless `all`. */
export function stateText(changes: Changes, state: State, frameno: number, all: boolean): string {
  const frame = state.frames[frameno];
  let text = frame.frameno === 0 ? "" : ` frame${frame.frameno}:`;
  frame.regs.forEach((reg, i) => {
    if (reg.type === NOT_INIT || (!all && !changes.isRegScratched(i))) return;
    text += ` R${i}=${regText(reg, frame, (frame.preciseRegs & (1 << i)) !== 0)}`;
  });
  text += slotsText(changes, frame, all);
  const ids = state.refs.map((ref) => ref.id);
  if (ids.length > 0 && ids[0] !== 0) text += ` refs=${ids.filter((id, i) => i === 0 || id !== 0).join(",")}`;
  if (frame.inCallback) text += " cb";
  if (frame.inAsyncCallback) text += " async_cb";
  if (!all) changes.markClean();
  return `${text}\n`;
}

/** Columns between the end of an instruction and the state behind it. */
export function alignment(length: number): number {
  const goal = Math.max(length + 4, 40);
  return Math.ceil(goal / 8) * 8 - length - 1;
}
