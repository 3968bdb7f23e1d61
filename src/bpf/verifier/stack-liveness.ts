// Which halves of stack slots may still be read, at every instruction of every function, for its own frame and its callers'
// (kernel/bpf/liveness.c at v7.2). A data-flow analysis before the walk; a function is analysed again for each call that
// passes stack pointers, up to a limit.

import {
  BPF_ATOMIC,
  BPF_CLASS,
  BPF_LDX,
  BPF_LOAD_ACQ,
  BPF_MODE,
  BPF_ST,
  BPF_STORE_REL,
  BPF_STX,
} from "../isa/index.ts";
import { IMPRECISE, isStackPointer, NONE, trackAdd, trackAt, type ArgTrack } from "./arg-track.ts";
import { ALL_BYTES, paramCount, stackBytes } from "./call-summary.ts";
import { postorderOf } from "./cfg.ts";
import { accessBytes } from "./const-fold.ts";
import { E2BIG, EINVAL, isCall, isHelperCall, isSubprogCall, type Env } from "./env.ts";
import { helperNumber } from "./helpers-proto.ts";
import { CALLS_CALLBACK, NOWHERE } from "./insn-aux.ts";
import { isStackArgLoad, isStackArgStore, isStackArgStoreImm } from "./resolve.ts";
import {
  joinTracked,
  MAX_STACK_ARGS,
  NO_REGS,
  NO_SLOTS,
  REGS,
  transfer,
  UNREACHED,
  type Entered,
  type Tracked,
} from "./stack-tracks.ts";
import { listInstances, listJoin, listSubprog, listTransfer } from "./stack-listing.ts";
import { MAX_CALL_FRAMES, type State } from "./states.ts";

/** Half slots of four bytes; half 0 is fp-4..fp-1. */
const HALF = 4;
const HALVES = 128;
const WORDS = 4;
const MOST_CALLS = 10_000;
const FP = 10;

/** Reads, certain writes and live halves of one frame, four words per instruction of the function. */
interface FrameMasks {
  readonly reads: Int32Array;
  readonly writes: Int32Array;
  readonly live: Int32Array;
}

/** One function as called from one place. */
interface Instance {
  readonly callsite: number;
  readonly depth: number;
  readonly subprog: number;
  readonly start: number;
  readonly count: number;
  readonly frames: (FrameMasks | undefined)[];
  analysed: boolean;
}

const CALLBACKS: ReadonlyMap<number, readonly [callback: number, context: number, parameter: number]> = new Map([
  [helperNumber("loop"), [2, 3, 2]],
  [helperNumber("for_each_map_elem"), [2, 3, 4]],
  [helperNumber("find_vma"), [3, 4, 3]],
  [helperNumber("user_ringbuf_drain"), [2, 3, 2]],
]);

/** Functions as called from one place at one depth. */
const instanceKey = (depth: number, site: number): number => site * MAX_CALL_FRAMES + depth;

/** What is known so far; one for a verification. */
interface Analysis {
  readonly env: Env;
  readonly instances: Map<number, Instance>;
  /** Functions analysed from some call. */
  readonly analysed: Set<number>;
  readonly callerSlots: Map<number, readonly ArgTrack[]>;
  calls: number;
}

function instanceAt(analysis: Analysis, callsite: number, depth: number, subprog: number): Instance {
  const { env } = analysis;
  const start = env.subprogs[subprog].start;
  const site = depth > 0 ? callsite : start;
  const key = instanceKey(depth, site);
  let found = analysis.instances.get(key);
  if (found === undefined) {
    found = {
      callsite: site,
      depth,
      subprog,
      start,
      count: env.subprogEnd(subprog) - start,
      frames: [],
      analysed: false,
    };
    analysis.instances.set(key, found);
  }
  return found;
}

function masksOf(instance: Instance, frame: number): FrameMasks {
  const size = instance.count * WORDS;
  return (instance.frames[frame] ??= {
    reads: new Int32Array(size),
    writes: new Int32Array(size),
    live: new Int32Array(size),
  });
}

function read(instance: Instance, frame: number, at: number, from: number, to: number): void {
  setBits(masksOf(instance, frame).reads, at - instance.start, from, to);
}

function readAll(instance: Instance, frame: number, at: number): void {
  read(instance, frame, at, 0, HALVES - 1);
}

/** One access at a known offset; bytes as for stackBytes(). */
function accessAt(instance: Instance, frame: number, at: number, offset: number, bytes: number): void {
  if (offset >= 0) return;
  if (bytes === ALL_BYTES) {
    read(instance, frame, at, 0, Math.trunc((-offset - 1) / HALF));
  } else if (bytes > 0) {
    read(instance, frame, at, Math.max(Math.trunc((-offset - bytes) / HALF), 0), Math.trunc((-offset - 1) / HALF));
  } else {
    const high = Math.trunc(-offset / HALF) - 1;
    const low = Math.max(Math.trunc((-offset + bytes + HALF - 1) / HALF), 0);
    if (low <= high) setBits(masksOf(instance, frame).writes, at - instance.start, low, high);
  }
}

function access(instance: Instance, track: ArgTrack, at: number, bytes: number): void {
  if (bytes === 0) return;
  if (track.offsets.length === 0) {
    if (bytes > 0) readAll(instance, track.frame, at);
    return;
  }
  if (bytes < 0 && track.offsets.length !== 1) return;
  for (const offset of track.offsets) accessAt(instance, track.frame, at, offset, bytes);
}

function accessImprecise(instance: Instance, mask: number, at: number): void {
  for (let frame = 0; frame <= instance.depth; frame++) {
    if (mask & (1 << frame)) readAll(instance, frame, at);
  }
}

function record(instance: Instance, track: ArgTrack, at: number, bytes: number): void {
  if (track.frame >= 0 && track.frame <= instance.depth) access(instance, track, at, bytes);
  else if (track.frame === IMPRECISE) accessImprecise(instance, track.mask, at);
}

function recordLoadStore(env: Env, instance: Instance, regs: readonly ArgTrack[], at: number): void {
  const insn = env.insns[at];
  if (isStackArgStore(insn) || isStackArgStoreImm(insn) || isStackArgLoad(insn)) return;
  let bytes = accessBytes(insn.code);
  let reg = insn.dst_reg;
  switch (BPF_CLASS(insn.code)) {
    case BPF_LDX:
      reg = insn.src_reg;
      break;
    case BPF_STX:
      if (BPF_MODE(insn.code) !== BPF_ATOMIC || insn.imm === BPF_STORE_REL) bytes = -bytes;
      else if (insn.imm === BPF_LOAD_ACQ) reg = insn.src_reg;
      break;
    case BPF_ST:
      bytes = -bytes;
      break;
    default:
      return;
  }
  const track = regs[reg];
  if (track === undefined) return;
  record(instance, track.offsets.length > 0 ? trackAdd(track, insn.off) : track, at, bytes);
}

function recordCall(env: Env, instance: Instance, regs: readonly ArgTrack[], at: number): void {
  const insn = env.insns[at];
  if (isSubprogCall(insn)) return;
  const params = paramCount(env, insn) ?? 5;
  for (let arg = 0; arg < Math.min(params, 5 + MAX_STACK_ARGS); arg++) {
    const track = regs[arg < 5 ? arg + 1 : REGS + arg - 5];
    if (track === undefined || !isStackPointer(track)) continue;
    const bytes = stackBytes(env, at, arg);
    if (bytes !== 0) record(instance, track, at, bytes);
  }
}

/** Tracks before every instruction of the function, to a fixed point; then its accesses. */
function computeTracks(
  analysis: Analysis,
  instance: Instance,
  entry: readonly ArgTrack[] | undefined,
  callsites: readonly number[],
): readonly Tracked[] {
  const { env } = analysis;
  const { next, branch } = env.aux;
  const { start, count, depth, subprog } = instance;
  const [first, last] = postorderOf(env, subprog);
  const reached: Tracked[] = Array.from({ length: count }, () => UNREACHED);
  const atEntry = NO_REGS.slice();
  atEntry[FP] = trackAt(depth, 0);
  if (entry !== undefined) for (let r = 1; r <= 5; r++) atEntry[r] = entry[r]!;
  reached[0] = { regs: atEntry, slots: NO_SLOTS };
  const args = entry === undefined ? [] : entry.slice(REGS);
  const entered: Entered = { depth, args, callsites, callerSlots: analysis.callerSlots };
  const listed = env.wantsLevel2;
  if (listed) env.trace(`subprog#${subprog}: analyzing (depth ${depth})...\n`);
  /** Whether the tracks before `to` changed by what is behind its predecessor `at`. */
  const arrive = (at: number, to: number, tracked: Tracked): boolean => {
    if (to < start || to >= start + count) return false;
    const there = reached[to - start];
    const joined = there === UNREACHED ? tracked : joinTracked(there, tracked);
    if (joined === there) return false;
    reached[to - start] = joined;
    if (listed) listJoin(env, at, to, there, tracked, joined);
    return true;
  };
  // without loops a second round changes nothing, but is shown
  const again = env.hasLoops || listed;
  let changed: boolean;
  do {
    changed = false;
    for (let p = last - 1; p >= first; p--) {
      const at = env.postorder[p];
      const before = reached[at - start];
      if (before === UNREACHED) continue;
      const after = transfer(env.insns[at], before, entered);
      if (listed) listTransfer(env, at, before, after);
      if (next[at] !== NOWHERE && arrive(at, next[at], after)) changed = true;
      if (branch[at] !== NOWHERE && arrive(at, branch[at], after)) changed = true;
    }
    if (!again) break;
  } while (changed);
  for (let p = last - 1; p >= first; p--) {
    const at = env.postorder[p];
    const insn = env.insns[at];
    const { regs, slots } = reached[at - start];
    recordLoadStore(env, instance, regs, at);
    if (isCall(insn)) recordCall(env, instance, regs, at);
    if (isSubprogCall(insn) || env.aux.has(at, CALLS_CALLBACK)) analysis.callerSlots.set(at, slots);
  }
  if (listed) listSubprog(env, subprog, start, reached);
  return reached;
}

/** The function a call enters and the tracks of its parameters; undefined when none is entered with stack pointers. */
function calleeOf(
  analysis: Analysis,
  instance: Instance,
  at: number,
  tracks: readonly Tracked[],
): { subprog: number; args: ArgTrack[] } | undefined {
  const { env } = analysis;
  const insn = env.insns[at];
  const { regs } = tracks[at - instance.start];
  const direct = isSubprogCall(insn);
  if (!direct && !env.aux.has(at, CALLS_CALLBACK)) return undefined;
  const args = NO_REGS.slice();
  if (direct) {
    const subprog = env.subprogAt(at + insn.imm + 1);
    if (subprog < 0) return undefined;
    for (let r = 1; r <= 5; r++) args[r] = regs[r]!;
    for (let i = REGS; i < REGS + MAX_STACK_ARGS; i++) args[i] = regs[i]!;
    return { subprog, args };
  }
  const spec = isHelperCall(insn) ? CALLBACKS.get(insn.imm) : undefined;
  if (spec === undefined) return undefined;
  const [callback, context, parameter] = spec;
  const { subprogMask, values } = env.aux.known(at);
  if (!(subprogMask & (1 << callback))) {
    if (regs[context].frame !== NONE) {
      for (let frame = 0; frame <= instance.depth; frame++) readAll(instance, frame, at);
    }
    return undefined;
  }
  args[parameter] = regs[context]!;
  return { subprog: values[callback], args };
}

function analyse(
  analysis: Analysis,
  instance: Instance,
  entry: readonly ArgTrack[] | undefined,
  callsites: number[],
): void {
  const { env } = analysis;
  if (++analysis.calls > MOST_CALLS) {
    env.reject(E2BIG, `liveness analysis exceeded complexity limit (${analysis.calls} calls)`);
  }
  const work: Instance = instance.analysed ? { ...instance, frames: [], analysed: false } : instance;
  const tracks = computeTracks(analysis, work, entry, callsites);
  analysis.analysed.add(work.subprog);
  const [first, last] = postorderOf(env, work.subprog);
  for (let p = first; p < last; p++) {
    const at = env.postorder[p];
    const call = calleeOf(analysis, work, at, tracks);
    if (call === undefined || !call.args.some(isStackPointer)) continue;
    if (work.depth === MAX_CALL_FRAMES - 1)
      env.reject(EINVAL, "the call chain is too deep for the analysis of the stack");
    const callee = instanceAt(analysis, at, work.depth + 1, call.subprog);
    callsites[work.depth] = at;
    analyse(analysis, callee, call.args, callsites);
    for (let frame = 0; frame < callee.depth; frame++) {
      const masks = callee.frames[frame];
      if (masks === undefined) continue;
      const reads = masksOf(work, frame).reads;
      for (let w = 0; w < WORDS; w++) reads[(at - work.start) * WORDS + w] |= masks.live[w];
    }
  }
  if (work !== instance) merge(instance, work);
  propagate(analysis, instance);
}

/** Live halves backwards through the function. */
function propagate(analysis: Analysis, instance: Instance): void {
  instance.analysed = true;
  for (const masks of instance.frames) {
    if (masks === undefined) continue;
    // a word nothing reads has nothing live
    for (let w = 0; w < WORDS; w++) if (hasBits(masks.reads, w)) propagateWord(analysis, instance, masks, w);
  }
}

function propagateWord(
  analysis: Analysis,
  { start, subprog }: Instance,
  { reads, writes, live }: FrameMasks,
  word: number,
): void {
  const { postorder, aux } = analysis.env;
  const { next, branch } = aux;
  const [first, last] = postorderOf(analysis.env, subprog);
  const at0 = word - start * WORDS;
  let changed: boolean;
  do {
    changed = false;
    for (let p = first; p < last; p++) {
      const at = postorder[p];
      if (next[at] === NOWHERE) continue;
      let after = live[at0 + next[at] * WORDS];
      if (branch[at] !== NOWHERE) after |= live[at0 + branch[at] * WORDS];
      const here = at0 + at * WORDS;
      const before = (after & ~writes[here]) | reads[here];
      if (before === live[here]) continue;
      live[here] = before;
      changed = true;
    }
  } while (changed && analysis.env.hasLoops);
}

/** Whether word `word` of any instruction has a bit set. */
function hasBits(words: Int32Array, word: number): boolean {
  for (let i = word; i < words.length; i += WORDS) if (words[i] !== 0) return true;
  return false;
}

function setBits(words: Int32Array, index: number, from: number, to: number): void {
  for (let bit = from; bit <= to && bit < HALVES; bit++) words[index * WORDS + (bit >> 5)] |= 1 << (bit & 31);
}

/** Joins a second analysis into the first: reads of either, writes of both. */
function merge(into: Instance, from: Instance): void {
  for (let frame = 0; frame <= into.depth; frame++) {
    const a = into.frames[frame];
    const b = from.frames[frame];
    if (b === undefined) {
      a?.writes.fill(0);
    } else if (a === undefined) {
      into.frames[frame] = b;
      b.writes.fill(0);
    } else {
      for (let i = 0; i < a.reads.length; i++) {
        a.reads[i] |= b.reads[i];
        a.writes[i] &= b.writes[i];
      }
    }
  }
}

/** Runs the analysis and installs `env.liveHalves`. */
export function computeStackLiveness(env: Env): void {
  const analysis: Analysis = {
    env,
    instances: new Map(),
    analysed: new Set(),
    callerSlots: new Map(),
    calls: 0,
  };
  for (let k = env.topoOrder.length - 1; k >= 0; k--) {
    const subprog = env.topoOrder[k];
    if (analysis.analysed.has(subprog) && !env.subprogs[subprog].global) continue;
    analyse(analysis, instanceAt(analysis, 0, 0, subprog), undefined, []);
  }
  if (env.wantsLevel2) listInstances(env, analysis.instances.values());
  env.liveHalves = query(env, analysis.instances);
}

function lookup(
  env: Env,
  instances: ReadonlyMap<number, Instance>,
  state: State,
  frameno: number,
): Instance | undefined {
  const frame = state.frames[frameno];
  const start = env.subprogs[frame.subprogno].start;
  const site = frameno > 0 ? frame.callsite : start;
  for (let depth = frameno; depth >= 0; depth--) {
    const found = instances.get(instanceKey(depth, depth > 0 ? site : start));
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Adds the halves of `frame` that are live before instruction `at`. */
function addLive(words: Int32Array, instance: Instance, at: number, frame: number): void {
  const live = instance.frames[frame]?.live;
  if (live === undefined) return;
  const from = (at - instance.start) * WORDS;
  for (let i = 0; i < WORDS; i++) words[i] |= live[from + i];
}

/** Answers which half slots of frame `frameno` of a state are live: read by that function or by what it has called. */
function query(
  env: Env,
  instances: ReadonlyMap<number, Instance>,
): (state: State, frameno: number) => Int32Array | undefined {
  const words = new Int32Array(WORDS);
  return (state, frameno) => {
    const current = state.frames.length - 1;
    const innermost = lookup(env, instances, state, current);
    if (innermost === undefined) return undefined;
    words.fill(0);
    const rel = frameno + innermost.depth - current;
    if (rel >= 0 && rel <= innermost.depth) addLive(words, innermost, state.insnIdx, rel);
    for (let i = frameno; i < current; i++) {
      const instance = lookup(env, instances, state, i);
      if (instance === undefined) return undefined;
      const at = frameno + instance.depth - i;
      if (at < 0 || at > instance.depth) return undefined;
      const callsite = state.frames[i + 1].callsite;
      addLive(words, instance, env.aux.has(callsite, CALLS_CALLBACK) ? callsite : callsite + 1, at);
    }
    return words;
  };
}
