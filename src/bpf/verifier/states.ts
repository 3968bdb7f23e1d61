// The verifier's state at one point of one path: call frames with registers and stack, references and locks held, and how
// the path got there (struct bpf_verifier_state of include/linux/bpf_verifier.h at v7.2). Registers and slots are immutable
// and shared; frames and states are copied.

import { NOT_INIT, pointer, PTR_TO_STACK, type Reg, SCALAR_VALUE, UNINIT } from "./reg-state.ts";

/** What each byte of a stack slot holds; four bits each in `Slot.types`, byte 0 nearest the frame pointer. */
export const STACK_INVALID = 0;
export const STACK_SPILL = 1;
export const STACK_MISC = 2;
export const STACK_ZERO = 3;
export const STACK_DYNPTR = 4;
export const STACK_ITER = 5;
export const STACK_IRQ_FLAG = 6;
export const STACK_POISON = 7;

export const SLOT_SIZE = 8;
export const MAX_CALL_FRAMES = 16;
/** `callsite` of a frame that nobody called. */
export const MAIN_FUNC = -1;

/** Eight bytes of stack. */
export class Slot {
  readonly reg: Reg;
  readonly types: number;

  constructor(reg: Reg, types: number) {
    this.reg = reg;
    this.types = types;
  }
}

/** All eight bytes of one kind. */
export function fillTypes(type: number): number {
  return (type * 0x1111_1111) | 0;
}

export function typeAt(types: number, byte: number): number {
  return (types >>> (byte * 4)) & 0xf;
}

export function withTypeAt(types: number, byte: number, type: number): number {
  return (types & ~(0xf << (byte * 4))) | (type << (byte * 4));
}

export const EMPTY_SLOT: Slot = new Slot(UNINIT, 0);

/** The kind of a slot: that of its last byte. */
export function slotKind(slot: Slot): number {
  return slot.types >>> 28;
}

export function isSpill(slot: Slot): boolean {
  return slot.types >>> 28 === STACK_SPILL;
}

export function isScalarSpill(slot: Slot): boolean {
  return slot.types >>> 28 === STACK_SPILL && slot.reg.type === SCALAR_VALUE;
}

/** Slot index of a negative frame offset. */
export function slotIndex(off: number): number {
  return Math.trunc((-off - 1) / SLOT_SIZE);
}

const NO_SLOTS: readonly Slot[] = [];

/** One call frame. */
export class Frame {
  regs: Reg[];
  /** slots[0] is fp-8..fp-1. Shared between copies of a frame until one of them writes: see setSlot(). */
  slots: readonly Slot[];
  #ownSlots = false;
  /** Arguments beyond the fifth for the next call. */
  stackArgs: Reg[];
  readonly callsite: number;
  readonly frameno: number;
  readonly subprogno: number;
  asyncEntries = 0;
  /** What a callback may return. */
  minReturn = 0;
  maxReturn = 0;
  inCallback = false;
  inAsyncCallback = false;
  inExceptionCallback = false;
  noStackArgLoad = false;
  callbackDepth = 0;
  /** Instructions walked in this frame and its callees on the current path. */
  insns = 0;
  /** Which registers, slots and stack arguments other paths rely on the exact value of: bit masks. */
  preciseRegs = 0;
  preciseSlotsLow = 0;
  preciseSlotsHigh = 0;
  preciseArgs = 0;

  private constructor(
    callsite: number,
    frameno: number,
    subprogno: number,
    regs: Reg[],
    slots: readonly Slot[],
    args: Reg[],
  ) {
    this.callsite = callsite;
    this.frameno = frameno;
    this.subprogno = subprogno;
    this.regs = regs;
    this.slots = slots;
    this.stackArgs = args;
  }

  /** A frame at the start of its function: only r10 is set. */
  static enter(callsite: number, frameno: number, subprogno: number): Frame {
    const fp = pointer(PTR_TO_STACK);
    fp.frameno = frameno;
    const regs = [UNINIT, UNINIT, UNINIT, UNINIT, UNINIT, UNINIT, UNINIT, UNINIT, UNINIT, UNINIT, fp];
    return new Frame(callsite, frameno, subprogno, regs, NO_SLOTS, []);
  }

  copy(): Frame {
    this.#ownSlots = false;
    const to = new Frame(
      this.callsite,
      this.frameno,
      this.subprogno,
      this.regs.slice(),
      this.slots,
      this.stackArgs.length === 0 ? [] : this.stackArgs.slice(),
    );
    to.asyncEntries = this.asyncEntries;
    to.minReturn = this.minReturn;
    to.maxReturn = this.maxReturn;
    to.inCallback = this.inCallback;
    to.inAsyncCallback = this.inAsyncCallback;
    to.inExceptionCallback = this.inExceptionCallback;
    to.noStackArgLoad = this.noStackArgLoad;
    to.callbackDepth = this.callbackDepth;
    to.preciseRegs = this.preciseRegs;
    to.preciseSlotsLow = this.preciseSlotsLow;
    to.preciseSlotsHigh = this.preciseSlotsHigh;
    to.preciseArgs = this.preciseArgs;
    return to;
  }

  #writableSlots(): Slot[] {
    if (!this.#ownSlots) {
      this.#ownSlots = true;
      this.slots = this.slots.slice();
    }
    return this.slots as Slot[];
  }

  setSlot(index: number, slot: Slot): void {
    this.#writableSlots()[index] = slot;
  }

  /** Makes the stack `count` slots deep. */
  growSlots(count: number): void {
    const slots = this.#writableSlots();
    while (slots.length < count) slots.push(EMPTY_SLOT);
  }

  isPreciseSlot(slot: number): boolean {
    return ((slot < 32 ? this.preciseSlotsLow >>> slot : this.preciseSlotsHigh >>> (slot - 32)) & 1) === 1;
  }

  setPreciseSlot(slot: number): void {
    if (slot < 32) this.preciseSlotsLow |= 1 << slot;
    else this.preciseSlotsHigh |= 1 << (slot - 32);
  }

  forgetPrecision(): void {
    this.preciseRegs = 0;
    this.preciseSlotsLow = 0;
    this.preciseSlotsHigh = 0;
    this.preciseArgs = 0;
  }
}

export const REF_PTR = 1;
export const REF_IRQ = 2;
export const REF_LOCK = 4;
export const REF_RES_LOCK = 8;
export const REF_RES_LOCK_IRQ = 16;
export const REF_LOCK_MASK: number = REF_LOCK | REF_RES_LOCK | REF_RES_LOCK_IRQ;

/** Something acquired that must be released. */
export interface Ref {
  readonly type: number;
  readonly id: number;
  readonly insn: number;
  readonly parent_id: number;
  /** Locks: the map or BTF the lock lives in. */
  readonly owner: object | undefined;
}

/** History flags of one step. */
export const HIST_STACK_ACCESS = 1;
export const HIST_DST_STACK = 2;
export const HIST_SRC_STACK = 4;
export const HIST_STACK_ARG = 8;

/** A register or slot that got narrowed together with another. */
export interface LinkedReg {
  readonly frameno: number;
  /** Register number or slot index. */
  readonly index: number;
  readonly isReg: boolean;
}

/** One recorded step of a path, for walking it backwards: paths that part share the steps before. */
export interface HistoryEntry {
  readonly idx: number;
  readonly prev: number;
  readonly flags: number;
  readonly slot: number;
  readonly frame: number;
  readonly linked: readonly LinkedReg[] | undefined;
  readonly before: HistoryEntry | undefined;
  /** Steps up to this one. */
  readonly count: number;
}

/** One state of one path. */
export class State {
  frames: Frame[] = [];
  /** The checkpoint this path came from last. */
  parent: State | undefined = undefined;
  refs: readonly Ref[] = [];
  /** Paths from here that are not finished. */
  branches = 1;
  insnIdx = 0;
  activeLocks = 0;
  activePreemptLocks = 0;
  activeRcuLocks = 0;
  activeIrqId = 0;
  activeLockId = 0;
  activeLockOwner: object | undefined = undefined;
  inSleepable = false;
  firstInsn = 0;
  lastInsn = -1;
  /** The last step recorded since the last checkpoint. */
  history: HistoryEntry | undefined = undefined;
  dfsDepth = 0;
  callbackUnrollDepth = 0;
  mayGotoDepth = 0;
  /** Of a state at the end of a loop: the checkpoint it equals. */
  equalState: State | undefined = undefined;
  /** Of a checkpoint: the calls that lead to the loop around it, once they were asked for. */
  loopChain: string | null | undefined = undefined;
  /* as an element of the list of checkpoints */
  misses = 0;
  hits = 0;
  inFreeList = false;

  get curframe(): number {
    return this.frames.length - 1;
  }

  /** The innermost frame. */
  get frame(): Frame {
    return this.frames[this.frames.length - 1];
  }

  copy(): State {
    const to = new State();
    to.frames = this.frames.length === 1 ? [this.frames[0].copy()] : this.frames.map((frame) => frame.copy());
    to.parent = this.parent;
    to.refs = this.refs;
    to.branches = this.branches;
    to.insnIdx = this.insnIdx;
    to.activeLocks = this.activeLocks;
    to.activePreemptLocks = this.activePreemptLocks;
    to.activeRcuLocks = this.activeRcuLocks;
    to.activeIrqId = this.activeIrqId;
    to.activeLockId = this.activeLockId;
    to.activeLockOwner = this.activeLockOwner;
    to.inSleepable = this.inSleepable;
    to.firstInsn = this.firstInsn;
    to.lastInsn = this.lastInsn;
    to.history = this.history;
    to.dfsDepth = this.dfsDepth;
    to.callbackUnrollDepth = this.callbackUnrollDepth;
    to.mayGotoDepth = this.mayGotoDepth;
    to.equalState = this.equalState;
    return to;
  }

  /** Where frame `frameno` stands: the current instruction, or the call it waits for. */
  insnOf(frameno: number): number {
    return frameno === this.frames.length - 1 ? this.insnIdx : this.frames[frameno + 1].callsite;
  }
}

/** One visit of a loop: the checkpoint it was entered at, and the states at the ends of its rounds. */
export interface SccVisit {
  entry: State | undefined;
  backedges: State[];
}

/** Whether both were reached through the same calls. */
export function sameCallsites(a: State, b: State): boolean {
  return a.frames.length === b.frames.length && a.frames.every((frame, i) => frame.callsite === b.frames[i].callsite);
}

/**
 * Replaces every register, spilled register and stack argument of `state` for which `change` returns another one. Slots that
 * are not spills are visited when `kinds` has the bit of their kind.
 */
export function mapRegs(
  state: State,
  change: (reg: Reg, slot: Slot | undefined) => Reg,
  kinds: number = 1 << STACK_SPILL,
): void {
  for (const frame of state.frames) {
    for (let i = 0; i < frame.regs.length; i++) {
      const reg = frame.regs[i];
      if (reg.type !== NOT_INIT) frame.regs[i] = change(reg, undefined);
    }
    for (let i = 0; i < frame.slots.length; i++) {
      const slot = frame.slots[i];
      if (!((1 << slotKind(slot)) & kinds)) continue;
      const reg = change(slot.reg, slot);
      if (reg !== slot.reg) frame.setSlot(i, new Slot(reg, slot.types));
    }
    for (let i = 0; i < frame.stackArgs.length; i++) {
      const reg = frame.stackArgs[i];
      if (reg.type !== NOT_INIT) frame.stackArgs[i] = change(reg, undefined);
    }
  }
}
