// Everything one verification works on: the program, what the passes before the walk found out about each instruction, and
// the walk itself (struct bpf_verifier_env of include/linux/bpf_verifier.h at v7.2).

import {
  E2BIG,
  EACCES,
  EBADF,
  EBUSY,
  EFAULT,
  EINVAL,
  ENOENT,
  ENOTSUPP,
  EOPNOTSUPP,
  EPERM,
  ESRCH,
} from "../../base/index.ts";
import type { Btf } from "../btf/index.ts";
import { BPF_CALL, BPF_JMP, BPF_PSEUDO_CALL, BPF_PSEUDO_KFUNC_CALL, disasmInsn, type Insn } from "../isa/index.ts";
import type { LineInfo, ResolvedProgram } from "../object/index.ts";
import { Rejection } from "./errors.ts";
import { InsnAux } from "./insn-aux.ts";
import { LOG_LEVEL1, LOG_LEVEL2, alignment, LogBuffer, stateText } from "./log.ts";
import type { KfuncMeta, KfuncRow } from "./kfuncs.ts";
import { mapInfo, type MapInfo } from "./maps.ts";
import type { ProgramType } from "./prog-types.ts";
import type { Fields } from "./record.ts";
import type { Reg } from "./reg-state.ts";
import { type Frame, type LinkedReg, type SccVisit, type State } from "./states.ts";

export { E2BIG, EACCES, EBADF, EBUSY, EFAULT, EINVAL, ENOENT, ENOTSUPP, EOPNOTSUPP, EPERM, ESRCH };

/** Bounds of one verification; the kernel's unless given. */
export interface Limits {
  /** Instructions walked. */
  readonly insns: number;
  /** Paths waiting to be walked. */
  readonly jumps: number;
  /** Characters of log kept. */
  readonly log: number;
  /** CPUs of the machine: what bpf_get_smp_processor_id() can return. */
  readonly cpus: number;
}

export const KERNEL_LIMITS: Limits = { insns: 1_000_000, jumps: 8192, log: 16 * 1024 * 1024, cpus: 2 };

/** What an argument of a function of the program is, by its BTF. */
export interface SubprogArg {
  readonly kind: "scalar" | "ctx" | "mem" | "dynptr" | "btf" | "untrusted" | "arena";
  readonly nullable: boolean;
  readonly readonly: boolean;
  readonly size: number;
  readonly btf_id: number;
  readonly flags: number;
}

/** A function of the program. */
export class SubprogInfo {
  readonly start: number;
  name = "";
  global = false;
  typeId = 0;
  /** Index into the postorder of where its instructions begin. */
  postorderStart = 0;
  exitInsn = 0;
  stackDepth = 0;
  /** Where the slots of spills around calls end; they start at the bottom of the stack. */
  fastcallStackOff = 0;
  /** Some of those calls are not inlined and need their spills. */
  keepFastcallStack = false;
  hasTailCall = false;
  hasLdAbs = false;
  tailCallReachable = false;
  isCallback = false;
  isAsyncCallback = false;
  isExceptionCallback = false;
  mightSleep = false;
  mightThrow = false;
  changesPacket = false;
  unreliable = false;
  called = false;
  verified = false;
  args: readonly SubprogArg[] | undefined = undefined;
  argCount = 0;
  /** Slots for arguments on the stack: those it is called with and the most it calls with. */
  stackArgCount = 0;
  /** Slots it writes for calls. */
  stackArgsWritten = 0;
  hasMayGoto = false;
  insnsTotal = 0;
  /** Taken out after the checks, because nothing reaches it. */
  removed = false;

  constructor(start: number) {
    this.start = start;
  }

  /** Arguments that come on the caller's stack. */
  get inStackArgs(): number {
    return Math.max(0, this.argCount - 5);
  }
}

/** A path to be walked later. */
export interface Pending {
  readonly state: State;
  readonly insn: number;
  readonly prev: number;
  readonly logEnd: number;
}

/** Called before each instruction is checked. */
export type Observer = (insn: number, state: State) => void;

export class Env {
  readonly program: ResolvedProgram;
  readonly type: ProgramType;
  readonly target: Btf;
  readonly btf: Btf;
  readonly kfuncs: ReadonlyMap<string, KfuncRow>;
  /** Kfuncs called so far, by their id in the target; null for those that may not be called. */
  readonly kfuncMetas: Map<number, KfuncMeta | null> = new Map();
  readonly limits: Limits;
  readonly level: number;
  readonly log: LogBuffer;
  readonly observer: Observer | undefined;
  readonly gplCompatible: boolean;
  readonly insns: Insn[];
  readonly aux: InsnAux;
  /** Immediates as registers, the last one of each remainder. */
  readonly immediates: (Reg | undefined)[] = [];
  subprogs: SubprogInfo[] = [];
  hasFuncInfo = false;
  exceptionCallback = 0;
  seenException = false;
  readonly usedMaps: MapInfo[] = [];
  /** The program's structs with special fields, by type id of its BTF. */
  objects: ReadonlyMap<number, Fields> = new Map();
  /** The arena the program uses. */
  arena: MapInfo | undefined = undefined;
  postorder: Int32Array = new Int32Array(0);
  /** Some instruction may be reached from itself without leaving its function. */
  hasLoops = false;
  topoOrder: number[] = [];
  /**
   * Which 4-byte halves of a frame's stack slots may still be read, a bit each, or undefined for all of them; set once stack
   * liveness is known. The words are good until the next call.
   */
  liveHalves: (state: State, frameno: number) => Int32Array | undefined = () => undefined;
  /** Visits of loops, by the calls that lead to them. */
  readonly sccVisits: Map<string, SccVisit> = new Map();

  cur!: State;
  readonly pending: Pending[] = [];
  /** Checkpoints by instruction and call site: the hash buckets of the kernel, so that the statistics agree. */
  checkpoints: (State[] | undefined)[] = [];
  insnIdx = 0;
  prevInsnIdx = -1;
  /** Whether the current instruction has an entry in the path's history. */
  hasHistoryEntry = false;
  idGen = 0;
  insnProcessed = 0;
  prevInsnProcessed = 0;
  jmpsProcessed = 0;
  prevJmpsProcessed = 0;
  maxStackDepth = 0;
  maxStatesPerInsn = 0;
  totalStates = 0;
  peakStates = 0;
  exploredStates = 0;
  freeListSize = 0;
  backedges = 0;
  /** What the log says at the end of a function checked on its own: the last one stays in the log of an accepted program. */
  lastSafe = "";
  /** How many instructions are walked before the log begins. */
  logFrom = 0;
  /** No path ends because it is like an earlier one. */
  everyPath = false;

  /** Lines printed for the current instruction. */
  messages: string[] = [];
  readonly #maps: (MapInfo | undefined)[] = [];
  readonly #kfuncNames = new Map<number, string>();
  #prevLine: LineInfo | undefined = undefined;
  #prevLogEnd = 0;
  #insnLength = 0;
  #scratchedRegs = 0;
  #scratchedLow = 0;
  #scratchedHigh = 0;

  constructor(init: {
    program: ResolvedProgram;
    type: ProgramType;
    kfuncs: ReadonlyMap<string, KfuncRow>;
    limits: Limits;
    level: number;
    observer: Observer | undefined;
  }) {
    this.program = init.program;
    this.type = init.type;
    this.target = init.program.target;
    this.btf = init.program.btf;
    this.kfuncs = init.kfuncs;
    this.limits = init.limits;
    this.level = init.level;
    this.log = new LogBuffer(init.limits.log);
    this.observer = init.observer;
    this.gplCompatible = GPL_LICENSES.has(init.program.license);
    this.insns = init.program.insns.slice();
    this.aux = new InsnAux(this.insns.length);
  }

  /* ---- words ---- */

  /** The program's map `index`, or undefined when it has none such. */
  map(index: number): MapInfo | undefined {
    const spec = this.program.maps[index];
    if (spec === undefined) return undefined;
    return (this.#maps[index] ??= mapInfo(spec, this.btf, this.target));
  }

  /** Prints what the verifier has to say about the current instruction. */
  say(text: string): void {
    this.messages.push(text);
    if (this.level !== 0) this.log.write(text);
  }

  /** Prints to the log alone, when it is wanted. */
  trace(text: string): void {
    if (this.level !== 0) this.log.write(text);
  }

  /** Prints at level 2. */
  detail(text: () => string): void {
    if (this.level & LOG_LEVEL2) this.log.write(text());
  }

  get wantsLevel2(): boolean {
    return (this.level & LOG_LEVEL2) !== 0;
  }

  get wantsLog(): boolean {
    return (this.level & (LOG_LEVEL1 | LOG_LEVEL2)) !== 0 && this.insnProcessed >= this.logFrom;
  }

  /** Prints `text` and refuses the program. */
  reject(errno: number, text: string): never {
    this.say(`${text}\n`);
    throw new Rejection(errno);
  }

  /** Refuses the program with what was said already. */
  refuse(errno: number): never {
    throw new Rejection(errno);
  }

  /** Refuses what Linux may accept but this verifier does not model. */
  notModelled(what: string): never {
    return this.reject(EOPNOTSUPP, `${what} is not modelled`);
  }

  /** The source line of an instruction, when it is another than the last one shown. */
  traceLine(insn: number, prefix: string): void {
    if (this.level === 0) return;
    const line = lineOf(this.program.lines, insn);
    const prev = this.#prevLine;
    if (line === undefined || line === prev) return;
    if (prev !== undefined && prev.file === line.file && prev.line === line.line) return;
    const file = line.file.slice(line.file.lastIndexOf("/") + 1);
    this.log.write(`${prefix}${line.text.trimStart()} @ ${file}:${line.line}\n`);
    this.#prevLine = line;
  }

  forgetLine(): void {
    this.#prevLine = undefined;
  }

  insnText(index: number): string {
    return disasmInsn(this.insns, index, { call: (insn) => this.callName(insn) });
  }

  callName(insn: Insn): string | undefined {
    return insn.src_reg === BPF_PSEUDO_KFUNC_CALL ? this.kfuncName(insn.imm) || undefined : undefined;
  }

  /** The name of type `id` of the target, "" when there is none. */
  kfuncName(id: number): string {
    let name = this.#kfuncNames.get(id);
    if (name === undefined) {
      name = id > 0 && id < this.target.nrTypes ? this.target.nameOf(id) : "";
      this.#kfuncNames.set(id, name);
    }
    return name;
  }

  /** `12: (bf) r6 = r1` of the instruction about to be checked. */
  traceInsn(index: number): void {
    const text = `${index}: ${this.insnText(index)}\n`;
    this.log.write(text);
    this.#insnLength = text.length;
    this.#prevLogEnd = this.log.end;
  }

  /** What changed, behind the instruction if nothing was printed since. */
  traceInsnState(state: State, frameno: number): void {
    if (this.#prevLogEnd !== 0 && this.#prevLogEnd === this.log.end) {
      this.log.cut(this.#prevLogEnd - 1);
      // the kernel pads one column at least, then the semicolon
      this.log.write(`${" ".repeat(Math.max(1, alignment(this.#insnLength)))};`);
    } else {
      this.log.write(`${this.insnIdx}:`);
    }
    this.log.write(stateText(this, state, frameno, false));
  }

  /* ---- what changed since the last print ---- */

  scratchReg(reg: number): void {
    this.#scratchedRegs |= 1 << reg;
  }

  scratchSlot(slot: number): void {
    if (slot < 32) this.#scratchedLow |= 1 << slot;
    else this.#scratchedHigh |= 1 << (slot - 32);
  }

  scratchAll(): void {
    this.#scratchedRegs = this.#scratchedLow = this.#scratchedHigh = -1;
  }

  markClean(): void {
    this.#scratchedRegs = this.#scratchedLow = this.#scratchedHigh = 0;
  }

  isRegScratched(reg: number): boolean {
    return (this.#scratchedRegs & (1 << reg)) !== 0;
  }

  isSlotScratched(slot: number): boolean {
    return ((slot < 32 ? this.#scratchedLow >>> slot : this.#scratchedHigh >>> (slot - 32)) & 1) === 1;
  }

  get anyScratched(): boolean {
    return (this.#scratchedRegs | this.#scratchedLow | this.#scratchedHigh) !== 0;
  }

  /* ---- the program ---- */

  /** Index of the function that starts at `insn`, or -1. */
  subprogAt(insn: number): number {
    const at = this.subprogOf(insn);
    return at >= 0 && this.subprogs[at].start === insn ? at : -1;
  }

  /** Index of the function that contains `insn`, or -1. */
  subprogOf(insn: number): number {
    if (insn < 0 || insn >= this.insns.length) return -1;
    let low = 0;
    let high = this.subprogs.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.subprogs[middle].start <= insn) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** First slot behind function `index`. */
  subprogEnd(index: number): number {
    return this.subprogs[index + 1]?.start ?? this.insns.length;
  }

  /* ---- the state ---- */

  get frame(): Frame {
    return this.cur.frame;
  }

  nextId(): number {
    return ++this.idGen;
  }

  /** The registers of the current frame. */
  reg(index: number): Reg {
    return this.cur.frame.regs[index];
  }

  setReg(index: number, reg: Reg): void {
    this.cur.frame.regs[index] = reg;
  }

  /** Records the current instruction in the path's history, or adds to its record. */
  pushHistory(flags: number, slot: number, frame: number, linked: readonly LinkedReg[] | undefined): void {
    const { cur } = this;
    const last = cur.history;
    if (this.hasHistoryEntry && last !== undefined) {
      const { idx, prev, before, count } = last;
      cur.history = { idx, prev, flags: last.flags | flags, slot, frame, linked, before, count };
      return;
    }
    const { insnIdx: idx, prevInsnIdx: prev } = this;
    cur.history = { idx, prev, flags, slot, frame, linked, before: last, count: (last?.count ?? 0) + 1 };
    this.hasHistoryEntry = true;
  }

  /** Queues a copy of the current state to be walked from `insn`. */
  pushState(insn: number, prev: number): State {
    const state = this.cur.copy();
    this.pending.push({ state, insn, prev, logEnd: this.log.end });
    if (this.pending.length > this.limits.jumps) {
      this.reject(E2BIG, `The sequence of ${this.pending.length} jumps is too complex.`);
    }
    if (state.parent !== undefined) state.parent.branches++;
    return state;
  }

  updatePeak(): void {
    this.peakStates = Math.max(this.peakStates, this.exploredStates + this.freeListSize + this.backedges);
  }
}

const GPL_LICENSES: ReadonlySet<string> = new Set([
  "GPL",
  "GPL v2",
  "GPL and additional rights",
  "Dual BSD/GPL",
  "Dual MIT/GPL",
  "Dual MPL/GPL",
]);

/** The line information that covers `insn`; lines are sorted by instruction. */
export function lineOf(lines: readonly LineInfo[], insn: number): LineInfo | undefined {
  let low = 0;
  let high = lines.length - 1;
  if (high < 0 || lines[0].insn > insn) return undefined;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (lines[middle].insn <= insn) low = middle;
    else high = middle - 1;
  }
  return lines[low];
}

export function isCall(insn: Insn): boolean {
  return insn.code === (BPF_JMP | BPF_CALL);
}

export function isHelperCall(insn: Insn): boolean {
  return insn.code === (BPF_JMP | BPF_CALL) && insn.src_reg === 0;
}

export function isSubprogCall(insn: Insn): boolean {
  return insn.code === (BPF_JMP | BPF_CALL) && insn.src_reg === BPF_PSEUDO_CALL;
}

export function isKfuncCall(insn: Insn): boolean {
  return insn.code === (BPF_JMP | BPF_CALL) && insn.src_reg === BPF_PSEUDO_KFUNC_CALL;
}
