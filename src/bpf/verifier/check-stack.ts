// Loads and stores on the program's stack: spilled registers, plain bytes, variable offsets, arguments beyond the fifth
// (check_stack_read/write* of kernel/bpf/verifier.c at v7.2, for a privileged program).

import { BPF_CLASS, BPF_MEM, BPF_MODE, BPF_ST, MAX_BPF_STACK, type Insn } from "../isa/index.ts";
import { markPrecise } from "./backtrack.ts";
import { constRangeS32 } from "./bounds.ts";
import { EACCES, EFAULT, EINVAL, type Env } from "./env.ts";
import { keepFastcallContract } from "./fastcall.ts";
import { tnumText } from "./log.ts";
import {
  ADD_CONST,
  baseType,
  cloneReg,
  CONST_PTR_TO_MAP,
  isNull,
  NOT_INIT,
  PTR_TO_ARENA,
  PTR_TO_BTF_ID,
  PTR_TO_CTX,
  PTR_TO_FUNC,
  PTR_TO_MAP_KEY,
  PTR_TO_MAP_VALUE,
  PTR_TO_MEM,
  PTR_TO_STACK,
  PTR_TO_SOCK_COMMON,
  scalar,
  SCALAR_VALUE,
  UNINIT,
  UNKNOWN_SCALAR,
  unlinked,
  withId,
  ZERO_SCALAR,
  type Reg,
} from "./reg-state.ts";
import { destroyDynptr, frameOf } from "./stack-objects.ts";
import {
  HIST_STACK_ACCESS,
  HIST_STACK_ARG,
  isScalarSpill,
  isSpill,
  slotIndex,
  slotKind,
  SLOT_SIZE,
  Slot,
  STACK_DYNPTR,
  STACK_INVALID,
  STACK_IRQ_FLAG,
  STACK_ITER,
  STACK_MISC,
  STACK_POISON,
  STACK_SPILL,
  STACK_ZERO,
  typeAt,
  withTypeAt,
  type Frame,
} from "./states.ts";
import { bitLength, toNumber } from "./u64.ts";

export const MAX_VAR_OFF: number = 1 << 29;
const MAX_STACK_ARGS = 7;

const SPILLABLE: ReadonlySet<number> = new Set([
  PTR_TO_MAP_VALUE,
  PTR_TO_STACK,
  PTR_TO_CTX,
  CONST_PTR_TO_MAP,
  PTR_TO_SOCK_COMMON,
  PTR_TO_BTF_ID,
  PTR_TO_MEM,
  PTR_TO_FUNC,
  PTR_TO_MAP_KEY,
  PTR_TO_ARENA,
]);

/** Bits a scalar needs at most. */
export function regWidth(reg: Reg): number {
  return bitLength(reg.range.umax);
}

/**
 * Gives a scalar about to be copied an id, so that what is learnt of one copy holds for the other. Returns the register to
 * copy; the caller stores it back where it came from.
 */
export function linkScalar(env: Env, reg: Reg): Reg {
  if (reg.type !== SCALAR_VALUE) return reg;
  const base = reg.id & ADD_CONST ? unlinked(reg) : reg;
  return base.id === 0 && !base.range.isConst ? withId(base, env.nextId()) : base;
}

/** Makes the stack reach down to `-bytes`. */
function growStack(env: Env, frame: Frame, bytes: number): void {
  const count = Math.ceil(bytes / SLOT_SIZE);
  if (frame.slots.length >= count) return;
  frame.growSlots(count);
  const sub = env.subprogs[frame.subprogno];
  sub.stackDepth = Math.max(sub.stackDepth, count * SLOT_SIZE);
}

/** Refuses accesses outside the 512 bytes below the frame pointer, and grows the stack. */
export function checkStackBounds(env: Env, reg: Reg, name: string, off: number, size: number, write: boolean): void {
  const what = write ? " write to" : " read from";
  const { range } = reg;
  let min: number;
  let max: number;
  if (range.isConst) {
    min = toNumber(range.value) + off;
    max = min + size;
  } else {
    if (toNumber(range.smax) >= MAX_VAR_OFF || toNumber(range.smin) <= -MAX_VAR_OFF) {
      env.reject(EACCES, `invalid unbounded variable-offset${what} stack ${name}`);
    }
    min = toNumber(range.smin) + off;
    max = toNumber(range.smax) + off + size;
  }
  let errno = 0;
  if (min < -MAX_BPF_STACK || min > -1) errno = EACCES;
  else if (max > 0) errno = EINVAL;
  else if (size < 0) errno = EFAULT;
  if (errno !== 0) {
    env.reject(
      errno,
      range.isConst
        ? `invalid${what} stack ${name} off=${min} size=${size}`
        : `invalid variable-offset${what} stack ${name} var_off=${tnumText(range.bits)} off=${off} size=${size}`,
    );
  }
  growStack(env, frameOf(env, reg), -min);
}

/* ---- stores ---- */

function isStoreImm(insn: Insn): boolean {
  return BPF_CLASS(insn.code) === BPF_ST && BPF_MODE(insn.code) === BPF_MEM;
}

/** Bytes of a slot beside a spill turn into plain data; zeroes and bytes never written stay. */
function besideSpill(type: number): number {
  return type === STACK_ZERO || type === STACK_INVALID || type === STACK_POISON ? type : STACK_MISC;
}

function saveReg(frame: Frame, at: number, reg: Reg, size: number): void {
  let { types } = frame.slots[at];
  for (let i = 0; i < SLOT_SIZE; i++) {
    types = withTypeAt(types, i, i >= SLOT_SIZE - size ? STACK_SPILL : besideSpill(typeAt(types, i)));
  }
  frame.setSlot(at, new Slot(reg, types));
}

function isSpecial(slot: Slot): boolean {
  const kind = slotKind(slot);
  return kind === STACK_SPILL || kind === STACK_DYNPTR || kind === STACK_ITER || kind === STACK_IRQ_FLAG;
}

/** A slot about to be overwritten in part holds plain bytes from now on. */
function scrub(slot: Slot): number {
  let { types } = slot;
  if (!isSpecial(slot)) return types;
  for (let i = 0; i < SLOT_SIZE; i++) {
    const type = typeAt(types, i);
    if (type !== STACK_INVALID && type !== STACK_POISON) types = withTypeAt(types, i, STACK_MISC);
  }
  return types;
}

function writeFixed(env: Env, frame: Frame, off: number, size: number, valueReg: number): void {
  const first = -off - 1;
  const at = Math.trunc(first / SLOT_SIZE);
  const insn = env.insns[env.insnIdx];
  destroyDynptr(env, frame, at);
  keepFastcallContract(env, frame.subprogno, off);
  env.scratchSlot(at);
  let reg = valueReg >= 0 ? env.reg(valueReg) : undefined;
  const aligned = off % SLOT_SIZE === 0;
  if (reg !== undefined && aligned && reg.type === SCALAR_VALUE) {
    const fits = regWidth(reg) <= size * 8;
    if (fits) {
      reg = linkScalar(env, reg);
      env.setReg(valueReg, reg);
    }
    saveReg(frame, at, fits ? reg : withId(reg, 0), size);
  } else if (reg === undefined && aligned && isStoreImm(insn)) {
    saveReg(frame, at, scalar(constRangeS32(insn.imm)), size);
  } else if (reg !== undefined && SPILLABLE.has(baseType(reg.type))) {
    if (size !== SLOT_SIZE) {
      env.traceLine(env.insnIdx, "; ");
      env.reject(EACCES, "invalid size of register spill");
    }
    if (frame !== env.frame && reg.type === PTR_TO_STACK) {
      env.reject(EINVAL, "cannot spill pointers to stack into stack frame of the caller");
    }
    saveReg(frame, at, reg, size);
  } else {
    writeBytes(env, frame, at, first, size, reg, valueReg, insn);
    return;
  }
  env.pushHistory(HIST_STACK_ACCESS, at, frame.frameno, undefined);
}

function writeBytes(
  env: Env,
  frame: Frame,
  at: number,
  first: number,
  size: number,
  reg: Reg | undefined,
  valueReg: number,
  insn: Insn,
): void {
  let types = scrub(frame.slots[at]);
  let type = STACK_MISC;
  if (reg !== undefined ? isNull(reg) : isStoreImm(insn) && insn.imm === 0) {
    if (valueReg >= 0) markPrecise(env, valueReg);
    type = STACK_ZERO;
  }
  for (let i = 0; i < size; i++) types = withTypeAt(types, (first - i) % SLOT_SIZE, type);
  frame.setSlot(at, new Slot(UNINIT, types));
}

function writeVariable(env: Env, frame: Frame, ptr: Reg, off: number, size: number, valueReg: number): void {
  const insn = env.insns[env.insnIdx];
  const min = toNumber(ptr.range.smin) + off;
  const max = toNumber(ptr.range.smax) + off + size;
  const value = valueReg >= 0 ? env.reg(valueReg) : undefined;
  const zero = value !== undefined ? isNull(value) : isStoreImm(insn) && insn.imm === 0;
  for (let i = min; i < max; i++) destroyDynptr(env, frame, slotIndex(i));
  keepFastcallContract(env, frame.subprogno, min);
  let zeroUsed = false;
  for (let i = min; i < max; i++) {
    const byte = -i - 1;
    const at = Math.trunc(byte / SLOT_SIZE);
    const slot = frame.slots[at];
    const type = typeAt(slot.types, byte % SLOT_SIZE);
    env.scratchSlot(at);
    // a zero written over a spilled zero leaves it what it is
    if (zero && type === STACK_SPILL && isScalarSpill(slot) && isNull(slot.reg)) {
      zeroUsed = true;
      continue;
    }
    const types = scrub(slot);
    const stays = zero && typeAt(types, byte % SLOT_SIZE) === STACK_ZERO;
    if (stays) zeroUsed = true;
    frame.setSlot(
      at,
      new Slot(
        slot.reg.type === NOT_INIT ? slot.reg : UNINIT,
        withTypeAt(types, byte % SLOT_SIZE, stays ? STACK_ZERO : STACK_MISC),
      ),
    );
  }
  if (zeroUsed && valueReg >= 0) markPrecise(env, valueReg);
}

/** A store of `size` bytes; `valueReg` is the register stored, -1 for none or an immediate. */
export function writeStack(env: Env, ptr: Reg, off: number, size: number, valueReg: number): void {
  const frame = frameOf(env, ptr);
  if (ptr.range.isConst) writeFixed(env, frame, off + toNumber(ptr.range.value), size, valueReg);
  else writeVariable(env, frame, ptr, off, size, valueReg);
}

/* ---- loads ---- */

function unreadable(env: Env, type: number, off: number, at: number, size: number): never {
  return env.reject(
    EACCES,
    type === STACK_POISON
      ? `reading from stack off ${off}+${at} size ${size}, slot poisoned by dead code elimination`
      : `invalid read from stack off ${off}+${at} size ${size}`,
  );
}

/** What plain bytes yield: zero when all are zero. */
function readBytes(env: Env, frame: Frame, min: number, max: number, dst: number): void {
  let zeros = 0;
  for (let i = min; i < max; i++) {
    const byte = -i - 1;
    const at = Math.trunc(byte / SLOT_SIZE);
    env.scratchSlot(at);
    if (typeAt(frame.slots[at].types, byte % SLOT_SIZE) !== STACK_ZERO) break;
    zeros++;
  }
  env.setReg(dst, zeros === max - min ? ZERO_SCALAR : UNKNOWN_SCALAR);
}

function spillBytes(slot: Slot): number {
  let bytes = 1;
  for (let i = SLOT_SIZE - 1; i > 0 && typeAt(slot.types, i - 1) === STACK_SPILL; i--) bytes++;
  return bytes;
}

function readPartOfSpill(env: Env, frame: Frame, at: number, off: number, size: number, dst: number): boolean {
  const slot = frame.slots[at];
  let { reg } = slot;
  if (reg.type !== SCALAR_VALUE) {
    env.traceLine(env.insnIdx, "; ");
    env.reject(EACCES, "invalid size of register fill");
  }
  if (dst < 0) return false;
  const bytes = spillBytes(slot);
  if (size <= bytes && off % SLOT_SIZE === 0) {
    if (size === 4 && bytes === 4 && regWidth(reg) <= 32) {
      reg = linkScalar(env, reg);
      frame.setSlot(at, new Slot(reg, slot.types));
    }
    env.setReg(dst, regWidth(reg) > size * 8 ? unlinked(reg) : reg);
    return true;
  }
  const first = -off - 1;
  let spilled = 0;
  let zeros = 0;
  for (let i = 0; i < size; i++) {
    const type = typeAt(slot.types, (first - i) % SLOT_SIZE);
    if (type === STACK_SPILL) spilled++;
    else if (type === STACK_ZERO) zeros++;
    else if (type !== STACK_MISC && type !== STACK_INVALID) unreadable(env, type, off, i, size);
  }
  if (spilled === size && isNull(reg)) {
    env.setReg(dst, ZERO_SCALAR);
    return true;
  }
  env.setReg(dst, zeros === size ? ZERO_SCALAR : UNKNOWN_SCALAR);
  return false;
}

function readFixed(env: Env, frame: Frame, off: number, size: number, dst: number): void {
  const first = -off - 1;
  const at = Math.trunc(first / SLOT_SIZE);
  const slot = frame.slots[at];
  env.scratchSlot(at);
  keepFastcallContract(env, env.frame.subprogno, off);
  let keep = false;
  if (isSpill(slot)) {
    if (size !== SLOT_SIZE || spillBytes(slot) !== SLOT_SIZE) {
      keep = readPartOfSpill(env, frame, at, off, size, dst);
      if (dst < 0) return;
    } else {
      keep = true;
      if (dst >= 0) {
        const reg = linkScalar(env, slot.reg);
        if (reg !== slot.reg) frame.setSlot(at, new Slot(reg, slot.types));
        env.setReg(dst, reg);
      }
    }
  } else {
    for (let i = 0; i < size; i++) {
      const type = typeAt(slot.types, (first - i) % SLOT_SIZE);
      if (type !== STACK_MISC && type !== STACK_ZERO && type !== STACK_INVALID) unreadable(env, type, off, i, size);
    }
    if (dst >= 0) readBytes(env, frame, off, off + size, dst);
  }
  if (keep) env.pushHistory(HIST_STACK_ACCESS, at, frame.frameno, undefined);
}

/** A load of `size` bytes into `dst`, -1 for an access that yields nothing. */
export function readStack(env: Env, ptr: Reg, name: string, off: number, size: number, dst: number): void {
  const frame = frameOf(env, ptr);
  if (ptr.range.isConst) {
    readFixed(env, frame, off + toNumber(ptr.range.value), size, dst);
    return;
  }
  if (dst < 0) {
    env.reject(
      EACCES,
      "variable offset stack pointer cannot be passed into helper function; " +
        `var_off=${tnumText(ptr.range.bits)} off=${off} size=${size}`,
    );
  }
  checkStackRange(env, ptr, name, off, size, { zeroOk: false, write: false, raw: undefined, poisonOk: false });
  const min = toNumber(ptr.range.smin) + off;
  readBytes(env, frame, min, toNumber(ptr.range.smax) + off + size, dst);
  keepFastcallContract(env, frame.subprogno, min);
}

/** Memory a helper fills without reading it: noted, to be written once all arguments are checked. */
export interface RawAccess {
  size: number;
  reg: number;
}

interface RangeOptions {
  readonly zeroOk: boolean;
  readonly write: boolean;
  /** Set when the callee only writes. */
  readonly raw: { readonly access: RawAccess; readonly reg: number } | undefined;
  /** Dead bytes may be read. */
  readonly poisonOk: boolean;
}

/** Memory on the stack that a helper or kfunc reads or writes. */
export function checkStackRange(
  env: Env,
  reg: Reg,
  name: string,
  off: number,
  size: number,
  options: RangeOptions,
): void {
  const frame = frameOf(env, reg);
  if (size === 0 && !options.zeroOk) env.reject(EACCES, "invalid zero-sized read");
  checkStackBounds(env, reg, name, off, size, options.write);
  const { range } = reg;
  const min = toNumber(range.isConst ? range.value : range.smin) + off;
  const max = (range.isConst ? min : toNumber(range.smax) + off) + size;
  if (options.raw !== undefined && range.isConst) {
    for (let i = min; i < max; i++) {
      const slot = frame.slots[slotIndex(i)];
      if (slot !== undefined && typeAt(slot.types, (-i - 1) % SLOT_SIZE) === STACK_DYNPTR) {
        env.reject(EACCES, `potential write to dynptr at off=${i} disallowed`);
      }
    }
    options.raw.access.size = size;
    options.raw.access.reg = options.raw.reg;
    return;
  }
  const poisonOk = options.poisonOk || options.write;
  for (let i = min; i < max; i++) {
    const at = slotIndex(i);
    const byte = (-i - 1) % SLOT_SIZE;
    const slot = frame.slots[at];
    if (slot === undefined) env.reject(EFAULT, "allocated_stack too small");
    const type = typeAt(slot.types, byte);
    if (type === STACK_MISC) continue;
    if (type === STACK_ZERO || type === STACK_INVALID) {
      if (options.write) frame.setSlot(at, new Slot(slot.reg, withTypeAt(slot.types, byte, STACK_MISC)));
      continue;
    }
    if (isSpill(slot)) {
      if (options.write) frame.setSlot(at, new Slot(UNKNOWN_SCALAR, scrub(slot)));
      continue;
    }
    if (type === STACK_POISON) {
      if (poisonOk) continue;
      env.reject(
        EACCES,
        `reading from stack ${name} off ${min}+${i - min} size ${size}, slot poisoned by dead code elimination`,
      );
    }
    env.reject(
      EACCES,
      range.isConst
        ? `invalid read from stack ${name} off ${min}+${i - min} size ${size}`
        : `invalid read from stack ${name} var_off ${tnumText(range.bits)}+${i - min} size ${size}`,
    );
  }
}

/* ---- arguments on the stack ---- */

/** `*(r11 - 8) = value`: an argument for the next call. */
export function writeStackArg(env: Env, off: number, value: Reg): void {
  const { frame } = env;
  const at = -off / 8 - 1;
  if (at >= MAX_STACK_ARGS)
    env.reject(EINVAL, `stack arg write offset ${off} exceeds max ${MAX_STACK_ARGS} stack args`);
  while (frame.stackArgs.length < at + 1) frame.stackArgs.push(UNINIT);
  frame.stackArgs[at] = value;
  const sub = env.subprogs[frame.subprogno];
  sub.stackArgsWritten = Math.max(sub.stackArgsWritten, at + 1);
  frame.noStackArgLoad = true;
  env.pushHistory(HIST_STACK_ARG, at, 0, undefined);
}

/** `dst = *(r11 + 8)`: an argument of this function. */
export function readStackArg(env: Env, off: number, dst: number): void {
  const { frame } = env;
  const count = env.subprogs[frame.subprogno].inStackArgs;
  const at = off / 8 - 1;
  if (frame.noStackArgLoad) env.reject(EINVAL, "r11 load must be before any r11 store or call insn");
  if (at + 1 > count) env.reject(EACCES, `invalid read from stack arg off ${off} depth ${count * 8}`);
  const caller = env.cur.frames[env.cur.curframe - 1];
  env.setReg(dst, cloneReg(caller?.stackArgs[at] ?? UNINIT));
  env.pushHistory(HIST_STACK_ARG, at, 0, undefined);
}
