// Precision: when a decision depended on the exact value of a scalar, the path is walked backwards and every register and
// slot that value came from is marked in the checkpoints on the way, so that pruning compares it exactly
// (kernel/bpf/backtrack.c at v7.2).

import {
  BPF_ABS,
  BPF_ALU,
  BPF_ALU64,
  BPF_ATOMIC,
  BPF_CALL,
  BPF_CLASS,
  BPF_CMPXCHG,
  BPF_END,
  BPF_EXIT,
  BPF_FETCH,
  BPF_IMM,
  BPF_IND,
  BPF_JMP,
  BPF_JMP32,
  BPF_LD,
  BPF_LDX,
  BPF_LOAD_ACQ,
  BPF_MODE,
  BPF_MOV,
  BPF_NEG,
  BPF_OP,
  BPF_SRC,
  BPF_ST,
  BPF_STX,
  BPF_X,
  type Insn,
} from "../isa/index.ts";
import { callsBackSync } from "./cfg.ts";
import { EFAULT, isHelperCall, isKfuncCall, isSubprogCall, type Env } from "./env.ts";
import { helperNumber } from "./helpers-proto.ts";
import { stateText } from "./log.ts";
import { SCALAR_VALUE } from "./reg-state.ts";
import {
  HIST_DST_STACK,
  HIST_SRC_STACK,
  HIST_STACK_ACCESS,
  HIST_STACK_ARG,
  isScalarSpill,
  isSpill,
  MAIN_FUNC,
  MAX_CALL_FRAMES,
  type Frame,
  type HistoryEntry,
  type State,
} from "./states.ts";

const FP = 10;
const ARG_REGS = 0x3e;
const TAIL_CALL = helperNumber("tail_call");

/** Registers and slots being traced, per frame. */
export class Trace {
  readonly regs: Uint32Array = new Uint32Array(MAX_CALL_FRAMES);
  readonly slotsLow: Uint32Array = new Uint32Array(MAX_CALL_FRAMES);
  readonly slotsHigh: Uint32Array = new Uint32Array(MAX_CALL_FRAMES);
  readonly args: Uint32Array = new Uint32Array(MAX_CALL_FRAMES);
  frame = 0;

  /** Forgets everything. */
  reset(): void {
    this.regs.fill(0);
    this.slotsLow.fill(0);
    this.slotsHigh.fill(0);
    this.args.fill(0);
    this.frame = 0;
  }

  get empty(): boolean {
    for (let i = 0; i <= this.frame; i++) {
      if (this.regs[i] | this.slotsLow[i] | this.slotsHigh[i] | this.args[i]) return false;
    }
    return true;
  }

  hasReg(frame: number, reg: number): boolean {
    return (this.regs[frame] & (1 << reg)) !== 0;
  }

  setReg(frame: number, reg: number): void {
    this.regs[frame] |= 1 << reg;
  }

  clearReg(frame: number, reg: number): void {
    this.regs[frame] &= ~(1 << reg);
  }

  hasSlot(frame: number, slot: number): boolean {
    return (((slot < 32 ? this.slotsLow : this.slotsHigh)[frame] >>> (slot & 31)) & 1) === 1;
  }

  setSlot(frame: number, slot: number): void {
    (slot < 32 ? this.slotsLow : this.slotsHigh)[frame] |= 1 << (slot & 31);
  }

  clearSlot(frame: number, slot: number): void {
    (slot < 32 ? this.slotsLow : this.slotsHigh)[frame] &= ~(1 << (slot & 31));
  }

  hasSlots(frame: number): boolean {
    return (this.slotsLow[frame] | this.slotsHigh[frame]) !== 0;
  }
}

/** Used over and over: no trace begins while another one is followed. */
const TRACE: Trace = new Trace();

/** A trace of nothing. */
export function newTrace(): Trace {
  TRACE.reset();
  return TRACE;
}

function regList(mask: number): string {
  const names: string[] = [];
  for (let r = 0; r < 32; r++) if (mask & (1 << r)) names.push(`r${r}`);
  return names.join(",");
}

function slotList(trace: Trace, frame: number): string {
  const names: string[] = [];
  for (let slot = 0; slot < 64; slot++) if (trace.hasSlot(frame, slot)) names.push(String(-(slot + 1) * 8));
  return names.join(",");
}

function bug(env: Env, text: string): never {
  return env.reject(EFAULT, `verifier bug: ${text}`);
}

/** Registers narrowed together become precise together. */
function syncLinked(trace: Trace, entry: HistoryEntry | undefined): void {
  const linked = entry?.linked;
  if (linked === undefined) return;
  const some = linked.some((l) => (l.isReg ? trace.hasReg(l.frameno, l.index) : trace.hasSlot(l.frameno, l.index)));
  if (!some) return;
  for (const l of linked) {
    if (l.isReg) trace.setReg(l.frameno, l.index);
    else trace.setSlot(l.frameno, l.index);
  }
}

/** Steps over one instruction backwards; false when the trace is lost. */
function stepBack(env: Env, at: number, next: number, entry: HistoryEntry | undefined, trace: Trace): boolean {
  const insn = env.insns[at];
  if (insn.code === 0) return true;
  if (env.wantsLevel2) {
    env.trace(
      `mark_precise: frame${trace.frame}: regs=${regList(trace.regs[trace.frame])} ` +
        `stack=${slotList(trace, trace.frame)} before ${at}: ${env.insnText(at)}\n`,
    );
  }
  syncLinked(trace, entry);
  const kind = BPF_CLASS(insn.code);
  let go: boolean | undefined;
  if (kind === BPF_ALU || kind === BPF_ALU64) go = backAlu(insn, trace);
  else if (kind === BPF_LDX || kind === BPF_STX || kind === BPF_ST) go = backMemory(insn, entry, trace);
  else if (kind === BPF_JMP || kind === BPF_JMP32) go = backJump(env, insn, at, next, entry, trace);
  else if (kind === BPF_LD) go = backLd(insn, at, next, trace);
  if (go !== undefined) return go;
  syncLinked(trace, entry);
  return true;
}

/** Results: true or false ends the step, undefined lets linked registers be looked at once more. */
function backAlu(insn: Insn, trace: Trace): boolean | undefined {
  const { frame } = trace;
  if (!trace.hasReg(frame, insn.dst_reg)) return true;
  const op = BPF_OP(insn.code);
  if (op === BPF_END || op === BPF_NEG) return true;
  if (op === BPF_MOV) trace.clearReg(frame, insn.dst_reg);
  if (BPF_SRC(insn.code) === BPF_X && insn.src_reg !== FP) trace.setReg(frame, insn.src_reg);
  return undefined;
}

function loadedReg(insn: Insn): number {
  if (BPF_CLASS(insn.code) === BPF_LDX) return insn.dst_reg;
  if (BPF_CLASS(insn.code) !== BPF_STX || BPF_MODE(insn.code) !== BPF_ATOMIC) return -1;
  if (insn.imm === BPF_LOAD_ACQ) return insn.dst_reg;
  if (!(insn.imm & BPF_FETCH)) return -1;
  return insn.imm === BPF_CMPXCHG ? 0 : insn.src_reg;
}

function backMemory(insn: Insn, entry: HistoryEntry | undefined, trace: Trace): boolean | undefined {
  const { frame } = trace;
  const flags = entry?.flags ?? 0;
  const loaded = loadedReg(insn);
  if (loaded >= 0) {
    if (!trace.hasReg(frame, loaded)) return true;
    trace.clearReg(frame, loaded);
    if (flags & HIST_STACK_ARG) {
      trace.args[frame - 1] |= 1 << entry!.slot;
      return true;
    }
    if (!(flags & HIST_STACK_ACCESS)) return true;
    trace.setSlot(entry!.frame, entry!.slot);
    return undefined;
  }
  if (trace.hasReg(frame, insn.dst_reg)) return false;
  const fromReg = BPF_CLASS(insn.code) === BPF_STX;
  if (flags & HIST_STACK_ARG) {
    const bit = 1 << entry!.slot;
    if (!(trace.args[frame] & bit)) return true;
    trace.args[frame] &= ~bit;
    if (fromReg) trace.setReg(frame, insn.src_reg);
    return true;
  }
  if (!(flags & HIST_STACK_ACCESS) || !trace.hasSlot(entry!.frame, entry!.slot)) return true;
  trace.clearSlot(entry!.frame, entry!.slot);
  if (fromReg) trace.setReg(frame, insn.src_reg);
  return undefined;
}

function leaveFrame(env: Env, trace: Trace): void {
  if (trace.frame === 0) bug(env, "subprog exit from frame 0");
  trace.frame--;
}

function enterFrame(env: Env, trace: Trace): void {
  if (trace.frame === MAX_CALL_FRAMES - 1) bug(env, `subprog enter from frame ${trace.frame}`);
  trace.frame++;
}

function backSubprogCall(env: Env, insn: Insn, at: number, trace: Trace): boolean {
  const sub = env.subprogAt(at + insn.imm + 1);
  const { frame } = trace;
  const regs = trace.regs[frame];
  if (env.subprogs[sub].global) {
    // assumed valid and not entered: r0 is whatever it returns
    if (regs & ARG_REGS) bug(env, `global subprog unexpected regs ${regs.toString(16)}`);
    trace.clearReg(frame, 0);
    return true;
  }
  if (regs & ~ARG_REGS) bug(env, `static subprog unexpected regs ${regs.toString(16)}`);
  if (trace.hasSlots(frame)) bug(env, "static subprog leftover stack slots");
  if (trace.args[frame] !== 0) bug(env, "static subprog leftover stack arg slots");
  for (let r = 1; r <= 5; r++) {
    if (!trace.hasReg(frame, r)) continue;
    trace.clearReg(frame, r);
    trace.setReg(frame - 1, r);
  }
  leaveFrame(env, trace);
  return true;
}

function backJump(
  env: Env,
  insn: Insn,
  at: number,
  next: number,
  entry: HistoryEntry | undefined,
  trace: Trace,
): boolean | undefined {
  const op = BPF_OP(insn.code);
  const { frame } = trace;
  if (isSubprogCall(insn)) return backSubprogCall(env, insn, at, trace);
  if (callsBackSync(env, insn) && at !== next - 1) {
    // coming out of the callback's first instruction
    const regs = trace.regs[frame];
    if (regs & ~ARG_REGS) bug(env, `callback unexpected regs ${regs.toString(16)}`);
    if (trace.hasSlots(frame)) bug(env, "callback leftover stack slots");
    trace.regs[frame] = 0;
    leaveFrame(env, trace);
    return true;
  }
  if (op === BPF_CALL) {
    if (isKfuncCall(insn) && insn.imm === 0) return false;
    trace.clearReg(frame, 0);
    const regs = trace.regs[frame];
    if (regs & ARG_REGS) bug(env, `backtracking call unexpected regs ${regs.toString(16)}`);
    if (isHelperCall(insn) && insn.imm === TAIL_CALL && next - at !== 1) enterFrame(env, trace);
    return undefined;
  }
  if (op === BPF_EXIT) {
    const called = next >= 1 && isSubprogCall(env.insns[next - 1]);
    const wanted = called && trace.hasReg(frame, 0);
    if (called && trace.regs[frame] & ARG_REGS) bug(env, "backtracking exit unexpected regs");
    trace.clearReg(frame, 0);
    enterFrame(env, trace);
    if (wanted) trace.setReg(trace.frame, 0);
    return true;
  }
  if (BPF_SRC(insn.code) === BPF_X) {
    if (!trace.hasReg(frame, insn.dst_reg) && !trace.hasReg(frame, insn.src_reg)) return true;
    const flags = entry?.flags ?? 0;
    if (!(flags & HIST_SRC_STACK)) trace.setReg(frame, insn.src_reg);
    if (!(flags & HIST_DST_STACK)) trace.setReg(frame, insn.dst_reg);
  }
  return undefined;
}

function backLd(insn: Insn, at: number, next: number, trace: Trace): boolean | undefined {
  const mode = BPF_MODE(insn.code);
  if (mode === BPF_IMM) {
    trace.clearReg(trace.frame, insn.dst_reg);
    return true;
  }
  if (mode === BPF_ABS || mode === BPF_IND) {
    if (trace.hasReg(trace.frame, insn.dst_reg)) return false;
    if (next !== at + 1) trace.frame++;
  }
  return undefined;
}

/** Everything in all earlier checkpoints of the path becomes precise: the trace was lost. */
export function markAllPrecise(env: Env, state: State): void {
  env.detail(() => `mark_precise: frame${state.curframe}: falling back to forcing all scalars precise\n`);
  for (let st = state.parent; st !== undefined; st = st.parent) {
    st.frames.forEach((frame, i) => {
      for (let r = 0; r < FP; r++) {
        if (frame.regs[r].type !== SCALAR_VALUE || frame.preciseRegs & (1 << r)) continue;
        frame.preciseRegs |= 1 << r;
        env.detail(() => `force_precise: frame${i}: forcing r${r} to be precise\n`);
      }
      frame.slots.forEach((slot, s) => {
        if (!isSpill(slot) || slot.reg.type !== SCALAR_VALUE || frame.isPreciseSlot(s)) return;
        frame.setPreciseSlot(s);
        env.detail(() => `force_precise: frame${i}: forcing fp${-(s + 1) * 8} to be precise\n`);
      });
    });
  }
}

/** Index of the lowest bit set. */
const lowest = (bits: number): number => 31 - Math.clz32(bits & -bits);

/** Marks what is traced in one frame of a checkpoint; what need not be traced further leaves the trace. */
function markFrame(trace: Trace, frame: Frame, at: number): boolean {
  let changed = false;
  for (let regs = trace.regs[at]; regs !== 0; regs &= regs - 1) {
    const r = lowest(regs);
    if (frame.regs[r].type !== SCALAR_VALUE || frame.preciseRegs & (1 << r)) {
      trace.clearReg(at, r);
    } else {
      frame.preciseRegs |= 1 << r;
      changed = true;
    }
  }
  for (let s = 0; s < 64 && trace.hasSlots(at); s++) {
    if (!trace.hasSlot(at, s)) continue;
    const slot = frame.slots[s];
    if (slot === undefined || !isScalarSpill(slot) || frame.isPreciseSlot(s)) {
      trace.clearSlot(at, s);
    } else {
      frame.setPreciseSlot(s);
      changed = true;
    }
  }
  for (let i = 0; i < frame.stackArgs.length; i++) {
    const bit = 1 << i;
    if (!(trace.args[at] & bit)) continue;
    if (frame.stackArgs[i].type !== SCALAR_VALUE || frame.preciseArgs & bit) {
      trace.args[at] &= ~bit;
    } else {
      frame.preciseArgs |= bit;
      changed = true;
    }
  }
  return changed;
}

/** Arguments of a function checked on its own end the trace: they are unknown scalars anyway. */
function reachedEntry(env: Env, state: State, trace: Trace): boolean {
  const frame = state.frames[0];
  const ok =
    state.curframe === 0 &&
    frame.subprogno > 0 &&
    frame.callsite === MAIN_FUNC &&
    !trace.hasSlots(0) &&
    (trace.regs[0] & ~ARG_REGS) === 0;
  if (!ok) bug(env, `backtracking func entry subprog ${frame.subprogno} reg_mask ${trace.regs[0].toString(16)}`);
  let changed = false;
  for (let r = 1; r <= 5; r++) {
    if (!trace.hasReg(0, r)) continue;
    if (frame.regs[r].type !== SCALAR_VALUE) continue;
    frame.preciseRegs |= 1 << r;
    changed = true;
  }
  return changed;
}

/** Walks `start`'s path backwards with what `trace` holds. True when a mark was set that was not there. */
export function backtrack(env: Env, start: State, trace: Trace): boolean {
  trace.frame = start.curframe;
  if (trace.empty) return false;
  let state: State = start;
  let first = state.firstInsn;
  let last = start.insnIdx;
  let next = -1;
  let skip = true;
  let changed = false;
  for (;;) {
    if (env.wantsLevel2) {
      env.trace(`mark_precise: frame${trace.frame}: last_idx ${last} first_idx ${first} subseq_idx ${next} \n`);
    }
    if (last < 0) return reachedEntry(env, state, trace) || changed;
    let { history } = state;
    for (let at = last; ;) {
      const entry = history?.idx === at ? history : undefined;
      // the instruction that asks is not executed yet
      const followed = skip || stepBack(env, at, next, entry, trace);
      skip = false;
      if (!followed) {
        markAllPrecise(env, start);
        return changed;
      }
      if (trace.empty) return changed;
      next = at;
      if (at === state.firstInsn && (history === undefined || (history.before === undefined && history.idx === at)))
        break;
      if (entry !== undefined) {
        at = entry.prev;
        history = entry.before;
      } else {
        at--;
      }
      if (at < 0 || at >= env.insns.length) bug(env, `backtracking idx ${at}`);
    }
    if (state.parent === undefined) break;
    state = state.parent;
    for (let frame = trace.frame; frame >= 0; frame--) {
      if (markFrame(trace, state.frames[frame], frame)) changed = true;
      if (env.wantsLevel2) {
        env.trace(
          `mark_precise: frame${frame}: parent state regs=${regList(trace.regs[frame])} ` +
            `stack=${slotList(trace, frame)}: ${stateText(env, state, frame, true)}`,
        );
      }
    }
    if (trace.empty) return changed;
    next = first;
    last = state.lastInsn;
    first = state.firstInsn;
  }
  markAllPrecise(env, start);
  return changed;
}

/** The exact value of register `reg` of the current frame matters from here on. */
export function markPrecise(env: Env, reg: number): void {
  if (env.reg(reg).type !== SCALAR_VALUE) bug(env, "backtracking misuse");
  const trace = newTrace();
  trace.setReg(env.cur.curframe, reg);
  backtrack(env, env.cur, trace);
}

/** The exact value of a spilled scalar matters. */
export function markSlotPrecise(env: Env, frame: number, slot: number): void {
  const trace = newTrace();
  trace.setSlot(frame, slot);
  backtrack(env, env.cur, trace);
}

/** The exact value of an argument passed on the stack matters. */
export function markStackArgPrecise(env: Env, index: number): void {
  const trace = newTrace();
  trace.args[env.cur.curframe] |= 1 << index;
  backtrack(env, env.cur, trace);
}
