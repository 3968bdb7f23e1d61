// Where registers and stack slots may point on the stack, from one instruction to the next, for the analysis of what of the
// stack is live (kernel/bpf/liveness.c at v7.2).

import {
  BPF_ADD,
  BPF_ALU,
  BPF_ALU64,
  BPF_ATOMIC,
  BPF_CALL,
  BPF_CLASS,
  BPF_IMM,
  BPF_JMP,
  BPF_LD,
  BPF_LDX,
  BPF_LOAD_ACQ,
  BPF_MEM,
  BPF_MODE,
  BPF_MOV,
  BPF_OP,
  BPF_SRC,
  BPF_ST,
  BPF_STX,
  BPF_SUB,
  BPF_X,
  type Insn,
} from "../isa/index.ts";
import {
  addOffset,
  IMPRECISE,
  mayBeFrame,
  TRACK_NONE,
  TRACK_UNVISITED,
  trackAdd,
  trackAlu,
  trackAnywhere,
  trackEqual,
  trackImprecise,
  trackJoin,
  type ArgTrack,
} from "./arg-track.ts";
import { accessBytes, atomicLoadReg } from "./const-fold.ts";
import { isStackArgLoad, isStackArgStore, isStackArgStoreImm } from "./resolve.ts";

/** Of eight bytes, as in MAX_BPF_STACK. */
const STACK_SLOTS = 64;
export const MAX_STACK_ARGS = 7;
/** Tracks of arguments on the stack stand behind those of the registers. */
export const REGS = 11;
const FP = 10;

/** Tracks before one instruction. Shared between instructions, so never changed: who writes copies first. */
export interface Tracked {
  readonly regs: readonly ArgTrack[];
  readonly slots: readonly ArgTrack[];
}

const filled = (length: number, value: ArgTrack): ArgTrack[] => Array.from({ length }, () => value);
export const UNREACHED: Tracked = {
  regs: filled(REGS + MAX_STACK_ARGS, TRACK_UNVISITED),
  slots: filled(STACK_SLOTS, TRACK_UNVISITED),
};
export const NO_REGS: readonly ArgTrack[] = filled(REGS + MAX_STACK_ARGS, TRACK_NONE);
export const NO_SLOTS: readonly ArgTrack[] = filled(STACK_SLOTS, TRACK_NONE);

/** `regs` with one of them changed; itself when nothing changes. */
function withTrack(regs: readonly ArgTrack[], reg: number, track: ArgTrack): readonly ArgTrack[] {
  if (regs[reg] === track) return regs;
  const copy = regs.slice();
  copy[reg] = track;
  return copy;
}

/** A function as it was entered by a call. */
export interface Entered {
  readonly depth: number;
  /** Tracks of its arguments on the stack. */
  readonly args: readonly ArgTrack[];
  /** Where its callers called, the outermost first, and what their slots held there. */
  readonly callsites: readonly number[];
  readonly callerSlots: ReadonlyMap<number, readonly ArgTrack[]>;
}

function stackArgSlot(off: number): number {
  const at = Math.abs(off) / 8;
  return at > MAX_STACK_ARGS ? -1 : at - 1;
}

/** Slot at an aligned frame offset, or -1. */
function slotAt(off: number): number {
  return off >= 0 || off < -STACK_SLOTS * 8 || off % 8 !== 0 ? -1 : -off / 8 - 1;
}

/** Tracks behind an instruction of the function `entered`; `before` itself when it changes nothing. */
export function transfer(insn: Insn, before: Tracked, entered: Entered): Tracked {
  const kind = BPF_CLASS(insn.code);
  const regs = transferRegs(insn, before, entered);
  const slots = kind === BPF_STX || kind === BPF_ST ? transferSlots(entered.depth, insn, before) : before.slots;
  return regs === before.regs && slots === before.slots ? before : { regs, slots };
}

function transferRegs(insn: Insn, { regs, slots }: Tracked, entered: Entered): readonly ArgTrack[] {
  const dst = regs[insn.dst_reg];
  const src = regs[insn.src_reg];
  if (isStackArgStore(insn) || isStackArgStoreImm(insn)) {
    const slot = stackArgSlot(insn.off);
    return slot < 0 ? regs : withTrack(regs, REGS + slot, isStackArgStore(insn) ? src : TRACK_NONE);
  }
  if (isStackArgLoad(insn)) {
    return withTrack(regs, insn.dst_reg, entered.args[stackArgSlot(insn.off)] ?? TRACK_NONE);
  }
  switch (BPF_CLASS(insn.code)) {
    case BPF_ALU64:
      return withTrack(regs, insn.dst_reg, alu64(insn, dst, src));
    case BPF_ALU:
      return withTrack(regs, insn.dst_reg, TRACK_NONE);
    case BPF_JMP: {
      if (BPF_OP(insn.code) !== BPF_CALL) return regs;
      let after = regs;
      for (let r = 0; r <= 5; r++) after = withTrack(after, r, TRACK_NONE);
      return after;
    }
    case BPF_LDX:
      return withTrack(regs, insn.dst_reg, load(insn, regs, slots, entered));
    case BPF_LD:
      return BPF_MODE(insn.code) === BPF_IMM ? withTrack(regs, insn.dst_reg, TRACK_NONE) : regs;
    case BPF_STX: {
      const loaded = atomicLoadReg(insn);
      return loaded >= 0 ? withTrack(regs, loaded, TRACK_NONE) : regs;
    }
    default:
      return regs;
  }
}

function load(
  insn: Insn,
  regs: readonly ArgTrack[],
  slots: readonly ArgTrack[],
  { depth, callsites, callerSlots }: Entered,
): ArgTrack {
  const src = regs[insn.src_reg];
  if (BPF_MODE(insn.code) !== BPF_MEM || accessBytes(insn.code) !== 8) return TRACK_NONE;
  if (insn.src_reg === FP || mayBeFrame(src, depth)) return fill(insn, regs, slots, depth);
  if (src.frame >= 0 && src.frame < depth) {
    const callers = callerSlots.get(callsites[src.frame]);
    return callers === undefined ? trackImprecise((1 << (src.frame + 1)) - 1) : fill(insn, regs, callers, src.frame);
  }
  return src.frame === IMPRECISE && !(src.mask & (1 << depth)) && src.mask ? src : TRACK_NONE;
}

/** Every element joined; `old` itself when nothing is new. */
function joinAll(old: readonly ArgTrack[], from: readonly ArgTrack[]): readonly ArgTrack[] {
  if (old === from) return old;
  let out: ArgTrack[] | undefined;
  for (let i = 0; i < old.length; i++) {
    const was = old[i];
    if (was === from[i]) continue;
    const joined = trackJoin(was, from[i]);
    if (trackEqual(joined, was)) continue;
    out ??= old.slice();
    out[i] = joined;
  }
  return out ?? old;
}

/** What holds where two paths meet; `old` itself when nothing is new. */
export function joinTracked(old: Tracked, from: Tracked): Tracked {
  const regs = joinAll(old.regs, from.regs);
  const slots = joinAll(old.slots, from.slots);
  return regs === old.regs && slots === old.slots ? old : { regs, slots };
}

/** What a load of eight bytes finds, of the frame at `depth` whose slots these are. */
function fill(insn: Insn, regs: readonly ArgTrack[], slots: readonly ArgTrack[], depth: number): ArgTrack {
  const anything = trackImprecise((1 << (depth + 1)) - 1);
  if (insn.src_reg === FP) {
    const slot = slotAt(insn.off);
    return slot >= 0 ? slots[slot] : anything;
  }
  const { offsets } = regs[insn.src_reg];
  if (offsets.length === 0) return anything;
  let result = TRACK_NONE;
  for (const offset of offsets) {
    const sum = addOffset(offset, insn.off);
    const slot = sum === undefined ? -1 : slotAt(sum);
    if (slot < 0) return anything;
    result = trackJoin(result, slots[slot]);
  }
  return result;
}

function alu64(insn: Insn, dst: ArgTrack, src: ArgTrack): ArgTrack {
  const op = BPF_OP(insn.code);
  const register = BPF_SRC(insn.code) === BPF_X;
  if (op === BPF_MOV) return register && insn.off === 0 ? src : TRACK_NONE;
  if (register) return trackAlu(dst, src);
  if (dst.frame < 0) return dst;
  if (op === BPF_ADD) return trackAdd(dst, insn.imm);
  if (op === BPF_SUB) return trackAdd(dst, -insn.imm);
  return trackAnywhere(dst.frame);
}

/** Slots behind a store. */
function transferSlots(depth: number, insn: Insn, { regs, slots }: Tracked): readonly ArgTrack[] {
  if (isStackArgStore(insn) || isStackArgStoreImm(insn)) return slots;
  if (insn.dst_reg !== FP && !mayBeFrame(regs[insn.dst_reg], depth)) return slots;
  const bytes = accessBytes(insn.code);
  const mode = BPF_MODE(insn.code);
  if (mode === BPF_ATOMIC) return insn.imm === BPF_LOAD_ACQ ? slots : clearSlots(insn, regs, slots, bytes);
  if (mode !== BPF_MEM) return slots;
  if (BPF_CLASS(insn.code) === BPF_ST) return clearSlots(insn, regs, slots, bytes);
  return spill(insn, regs, slots, bytes === 8 ? regs[insn.src_reg] : TRACK_NONE);
}

/** Slots behind a store of a register. */
function spill(
  insn: Insn,
  regs: readonly ArgTrack[],
  slots: readonly ArgTrack[],
  value: ArgTrack,
): readonly ArgTrack[] {
  if (insn.dst_reg === FP) {
    const slot = slotAt(insn.off);
    return slot >= 0 ? withTrack(slots, slot, value) : slots;
  }
  const { offsets } = regs[insn.dst_reg];
  if (offsets.length === 0) return slots.map((track) => trackJoin(track, value));
  let after = slots;
  for (const offset of offsets) {
    const sum = addOffset(offset, insn.off);
    const slot = sum === undefined ? -1 : slotAt(sum);
    if (slot >= 0) after = withTrack(after, slot, offsets.length === 1 ? value : trackJoin(after[slot], value));
  }
  return after;
}

/** Slots that a store of plain data at one of several offsets overlaps hold no pointer any more. */
function clearSlots(
  insn: Insn,
  regs: readonly ArgTrack[],
  slots: readonly ArgTrack[],
  bytes: number,
): readonly ArgTrack[] {
  let after = slots;
  const clear = (offset: number, count: number): void => {
    for (let i = 0; i < slots.length; i++) {
      const start = -(i + 1) * 8;
      if (count !== 0 && (start >= offset + bytes || start + 8 <= offset)) continue;
      after = withTrack(after, i, count === 1 ? TRACK_NONE : trackJoin(after[i], TRACK_NONE));
    }
  };
  if (insn.dst_reg === FP) {
    clear(insn.off, 1);
    return after;
  }
  const { offsets } = regs[insn.dst_reg];
  if (offsets.length === 0) clear(0, 0);
  for (const offset of offsets) {
    const sum = addOffset(offset, insn.off);
    if (sum === undefined) {
      clear(0, 0);
      break;
    }
    clear(sum, offsets.length);
  }
  return after;
}
