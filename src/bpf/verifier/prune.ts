// Where paths meet: dead registers and slots are forgotten, a path that adds nothing to an earlier one ends, and checkpoints
// are kept for those to come (bpf_is_state_visited and the handling of loops in kernel/bpf/states.c at v7.2).

import { backtrack, markAllPrecise, newTrace } from "./backtrack.ts";
import { isMayGoto } from "./cfg.ts";
import { EFAULT, EINVAL, type Env } from "./env.ts";
import { EXACT, mayLoop, NOT_EXACT, RANGE_WITHIN, statesEqual } from "./equivalence.ts";
import { CALLS_CALLBACK, FORCE_CHECKPOINT, ITER_NEXT, JMP_POINT } from "./insn-aux.ts";
import { stateText } from "./log.ts";
import { ADD_CONST, ITER_ACTIVE, isNull, SCALAR_VALUE, UNINIT, unlinked, type Reg } from "./reg-state.ts";
import {
  fillTypes,
  isSpill,
  mapRegs,
  sameCallsites,
  slotIndex,
  slotKind,
  STACK_DYNPTR,
  STACK_IRQ_FLAG,
  STACK_ITER,
  STACK_MISC,
  STACK_POISON,
  STACK_SPILL,
  Slot,
  typeAt,
  withTypeAt,
  type Frame,
  type SccVisit,
  type State,
} from "./states.ts";
import { toNumber } from "./u64.ts";

const FP = 10;
/** Rounds of propagation around a loop before everything is made precise. */
const MOST_ROUNDS = 64;
const HISTORY_TOO_LONG = 40;

/* ---- loops ---- */

/** The calls that lead to the innermost loop around a checkpoint, or undefined outside of loops. */
function callchain(env: Env, state: State): string | undefined {
  if (state.loopChain === undefined) state.loopChain = findCallchain(env, state) ?? null;
  return state.loopChain ?? undefined;
}

function findCallchain(env: Env, state: State): string | undefined {
  let chain = "";
  for (let i = 0; i < state.frames.length; i++) {
    const at = state.insnOf(i);
    const scc = env.aux.scc[at];
    if (scc !== 0) return `${chain}${scc}`;
    chain += `${at},`;
  }
  return undefined;
}

/** As Linux prints a chain: up to a call at instruction 0, which it takes for the end, then the loop. */
function shown(chain: string): string {
  return chain.startsWith("0,") ? chain.slice(chain.lastIndexOf(",") + 1) : chain;
}

function enterLoop(env: Env, state: State): void {
  const chain = callchain(env, state);
  if (chain === undefined) return;
  let visit = env.sccVisits.get(chain);
  if (visit === undefined) {
    visit = { entry: undefined, backedges: [] };
    env.sccVisits.set(chain, visit);
  }
  if (visit.entry !== undefined) return;
  visit.entry = state;
  env.detail(() => `SCC enter (${shown(chain)})\n`);
}

function exitLoop(env: Env, state: State): void {
  if (env.sccVisits.size === 0) return;
  const chain = callchain(env, state);
  if (chain === undefined) return;
  const visit = env.sccVisits.get(chain);
  if (visit === undefined || visit.entry !== state) return;
  env.detail(() => `SCC exit (${shown(chain)})\n`);
  visit.entry = undefined;
  env.backedges -= visit.backedges.length;
  env.updatePeak();
  propagateBackedges(env, visit);
}

/** Linux 7.2 does not expect a path to end inside a loop that has no checkpoint yet, and refuses it as a fault of its own. */
export function checkLoopEntered(env: Env): void {
  const chain = findCallchain(env, env.cur);
  if (chain === undefined || env.everyPath || env.sccVisits.has(chain)) return;
  env.reject(EFAULT, `verifier bug: scc exit: no visit info for call chain (${shown(chain)})`);
}

/** Carries precision around a loop until nothing changes. */
function propagateBackedges(env: Env, visit: SccVisit): void {
  for (let round = 0; ; round++) {
    if (round > MOST_ROUNDS) {
      env.detail(() => "propagate_backedges: too many iterations\n");
      for (const state of visit.backedges) markAllPrecise(env, state);
      break;
    }
    let changed = false;
    for (const state of visit.backedges) {
      if (propagatePrecision(env, state.equalState!, state)) changed = true;
    }
    if (!changed) break;
  }
  visit.backedges = [];
}

/** Whether marks around `state` may still come: its loop is not walked to the end. */
function marksIncomplete(env: Env, state: State): boolean {
  if (env.backedges === 0) return false;
  const chain = callchain(env, state);
  const visit = chain === undefined ? undefined : env.sccVisits.get(chain);
  return visit !== undefined && visit.backedges.length > 0;
}

/** A path ended: counts down the branches of its checkpoints. */
export function endPath(env: Env, state: State): void {
  for (let st: State | undefined = state; st !== undefined; st = st.parent) {
    st.branches--;
    if (st.branches > 0) break;
    if (st === state) continue;
    exitLoop(env, st);
    maybeFree(env, st);
  }
}

function maybeFree(env: Env, state: State): void {
  if (state.inFreeList && state.branches === 0 && !marksIncomplete(env, state)) {
    state.inFreeList = false;
    env.freeListSize--;
  }
}

/** What other paths relied on in `old` this path relies on too. */
function propagatePrecision(env: Env, old: State, cur: State): boolean {
  const trace = newTrace();
  for (let i = old.frames.length - 1; i >= 0; i--) {
    const frame = old.frames[i];
    const names: string[] = [];
    for (let r = 0; r < FP; r++) {
      if (frame.regs[r].type !== SCALAR_VALUE || !(frame.preciseRegs & (1 << r))) continue;
      trace.setReg(i, r);
      names.push(`r${r}`);
    }
    for (let s = 0; s < frame.slots.length; s++) {
      const slot = frame.slots[s];
      if (!isSpill(slot) || slot.reg.type !== SCALAR_VALUE || !frame.isPreciseSlot(s)) continue;
      trace.setSlot(i, s);
      names.push(`fp${-(s + 1) * 8}`);
    }
    if (names.length > 0) env.detail(() => `frame ${i}: propagating ${names.join(",")}\n`);
  }
  return backtrack(env, cur, trace);
}

/* ---- forgetting ---- */

const DEAD_SLOT = new Slot(UNINIT, fillTypes(STACK_POISON));

/** `alive`: words of which each bit stands for a half slot, or undefined when all are alive. */
function cleanFrame(frame: Frame, liveRegs: number, alive: Int32Array | undefined): void {
  for (let r = 0; r < FP; r++) {
    if (!(liveRegs & (1 << r))) frame.regs[r] = UNINIT;
  }
  if (alive === undefined) return;
  for (let s = 0; s < frame.slots.length; s++) {
    const slot = frame.slots[s];
    if (slot === DEAD_SLOT) continue;
    const halves = (alive[s >> 4] >>> ((s & 15) * 2)) & 3;
    if (halves === 3) continue;
    const kind = slotKind(slot);
    // special slots must still be found when they are overwritten
    if (kind === STACK_DYNPTR || kind === STACK_ITER || kind === STACK_IRQ_FLAG) continue;
    if (halves === 0) {
      frame.setSlot(s, DEAD_SLOT);
      continue;
    }
    let { types, reg } = slot;
    if (halves === 1) {
      if (kind === STACK_SPILL) {
        if (reg.type !== SCALAR_VALUE || isNull(reg)) continue;
        for (let i = 0; i < 4; i++) if (typeAt(types, i) === STACK_SPILL) types = withTypeAt(types, i, STACK_MISC);
      }
      reg = UNINIT;
    }
    const dead = halves === 1 ? 4 : 0;
    for (let i = dead; i < dead + 4; i++) types = withTypeAt(types, i, STACK_POISON);
    if (types !== slot.types || reg !== slot.reg) frame.setSlot(s, new Slot(reg, types));
  }
}

/** Forgets what is not read any more. */
function clean(env: Env, state: State): void {
  const { frames } = state;
  for (let i = 0; i < frames.length; i++) {
    const frame = frames[i];
    const alive = frame.slots.length > 0 ? env.liveHalves(state, i) : undefined;
    cleanFrame(frame, env.aux.liveRegs[state.insnOf(i)], alive);
  }
}

const isLinked = ({ type, id }: Reg): boolean => type === SCALAR_VALUE && id !== 0;

function hasLinks({ frames }: State): boolean {
  for (const { regs, slots, stackArgs } of frames) {
    for (const reg of regs) if (isLinked(reg)) return true;
    for (const slot of slots) if (isSpill(slot) && isLinked(slot.reg)) return true;
    for (const reg of stackArgs) if (isLinked(reg)) return true;
  }
  return false;
}

/** A link to no other register says nothing. */
function forgetSingularIds(state: State): void {
  if (!hasLinks(state)) return;
  const counts = new Map<number, number>();
  mapRegs(state, (reg) => {
    if (reg.type === SCALAR_VALUE && reg.id !== 0) {
      const base = reg.id & ~ADD_CONST;
      counts.set(base, (counts.get(base) ?? 0) + 1);
    }
    return reg;
  });
  if (counts.size === 0) return;
  mapRegs(state, (reg) =>
    reg.type === SCALAR_VALUE && reg.id !== 0 && counts.get(reg.id & ~ADD_CONST) === 1 ? unlinked(reg) : reg,
  );
}

/* ---- the meeting of paths ---- */

function iterDepthsDiffer(old: State, cur: State): boolean {
  return old.frames.some((frame, i) =>
    frame.slots.some(
      (slot, s) =>
        typeAt(slot.types, 0) === STACK_ITER &&
        slot.reg.state === ITER_ACTIVE &&
        cur.frames[i].slots[s].reg.depth !== slot.reg.depth,
    ),
  );
}

/** The iterator the bpf_iter_*_next() at hand is called with is active. */
function iterIsActive(state: State): boolean {
  const arg = state.frame.regs[1];
  const slot = state.frames[arg.frameno]?.slots[slotIndex(toNumber(arg.range.value))];
  return slot?.reg.state === ITER_ACTIVE;
}

function bucketOf(env: Env, insn: number, state: State): number {
  return ((insn ^ state.frame.callsite) >>> 0) % env.insns.length;
}

const NO_STATES: State[] = [];

/** Checkpoints of one place, the newest last. */
function checkpointsAt(env: Env, insn: number, state: State): State[] {
  return env.checkpoints[bucketOf(env, insn, state)] ?? NO_STATES;
}

/** The last checkpoint at `insn` on this path, reached through the same calls. */
export function previousEntry(env: Env, cur: State, insn: number): State | undefined {
  const list = checkpointsAt(env, insn, cur);
  for (let i = list.length - 1; i >= 0; i--) {
    const state = list[i];
    if (state.insnIdx === insn && state.branches > 0 && sameCallsites(state, cur) && state.dfsDepth < cur.dfsDepth)
      return state;
  }
  return undefined;
}

const MISS = 0;
const HIT = 1;
const LOOP_HIT = 2;
const MISS_IN_LOOP = 3;

/** Compares with a checkpoint that is still being walked from: this is a round of a loop, or recursion. */
function compareOpen(env: Env, old: State, cur: State, insn: number): number {
  const frame = old.frame;
  if (frame.inAsyncCallback && frame.asyncEntries !== cur.frame.asyncEntries) return MISS_IN_LOOP;
  const { aux } = env;
  if (aux.has(insn, ITER_NEXT)) {
    // iterators end by contract: an equal state proves that the loop converges
    return statesEqual(env, old, cur, RANGE_WITHIN) && iterIsActive(cur) ? LOOP_HIT : MISS_IN_LOOP;
  }
  if (isMayGoto(env.insns[insn])) {
    if (old.mayGotoDepth !== cur.mayGotoDepth && statesEqual(env, old, cur, RANGE_WITHIN)) return LOOP_HIT;
  }
  if (aux.has(insn, CALLS_CALLBACK)) return statesEqual(env, old, cur, RANGE_WITHIN) ? LOOP_HIT : MISS_IN_LOOP;
  const endless =
    mayLoop(old, cur) &&
    statesEqual(env, old, cur, EXACT) &&
    !iterDepthsDiffer(old, cur) &&
    old.mayGotoDepth === cur.mayGotoDepth &&
    old.callbackUnrollDepth === cur.callbackUnrollDepth;
  if (endless) {
    env.traceLine(insn, "; ");
    env.say(`infinite loop detected at insn ${insn}\n`);
    env.trace(`cur state:${stateText(env, cur, cur.curframe, true)}`);
    env.trace(`old state:${stateText(env, old, cur.curframe, true)}`);
    env.refuse(EINVAL);
  }
  return MISS_IN_LOOP;
}

function onHit(env: Env, old: State, cur: State, insn: number, loop: boolean): void {
  old.hits++;
  if (env.aux.has(insn, JMP_POINT)) env.pushHistory(0, 0, 0, undefined);
  propagatePrecision(env, old, cur);
  if (!loop) return;
  const backedge = cur.copy();
  backedge.equalState = old;
  backedge.insnIdx = insn;
  const chain = callchain(env, old) ?? "";
  const visit = env.sccVisits.get(chain);
  if (visit === undefined) return env.reject(EFAULT, "verifier bug: add backedge: no SCC in verification path");
  env.detail(() => `SCC backedge (${shown(chain)})\n`);
  // the newest first, as the rounds of propagation take them
  visit.backedges.unshift(backedge);
  env.backedges++;
  env.updatePeak();
}

/** Looks up the current state at a meeting point; true when the path may end here. */
export function isVisited(env: Env, insn: number): boolean {
  const { cur } = env;
  const forced = env.aux.has(insn, FORCE_CHECKPOINT);
  const force = forced || (cur.history?.count ?? 0) > HISTORY_TOO_LONG;
  const jumps = env.jmpsProcessed - env.prevJmpsProcessed;
  const steps = env.insnProcessed - env.prevInsnProcessed;
  let add = force || (jumps >= 2 && steps >= 8);
  clean(env, cur);
  const list = checkpointsAt(env, insn, cur);
  let seen = 0;
  // newest first; the list grows at its end
  for (let i = list.length - 1; i >= 0; i--) {
    const old = list[i];
    seen++;
    if (old.insnIdx !== insn) continue;
    let result = MISS;
    if (old.branches > 0) {
      result = compareOpen(env, old, cur, insn);
      if (result === MISS_IN_LOOP && !force && jumps < 20 && steps < 100) add = false;
    } else {
      const loop = marksIncomplete(env, old);
      if (statesEqual(env, old, cur, loop ? RANGE_WITHIN : NOT_EXACT)) result = loop ? LOOP_HIT : HIT;
    }
    if (result === HIT || result === LOOP_HIT) {
      onHit(env, old, cur, insn, result === LOOP_HIT);
      return true;
    }
    if (add) old.misses++;
    const patience = forced && old.branches > 0 ? 64 : 3;
    if (old.misses > old.hits * patience + patience) {
      list.splice(i, 1);
      old.inFreeList = true;
      env.freeListSize++;
      env.exploredStates--;
      maybeFree(env, old);
    }
  }
  env.maxStatesPerInsn = Math.max(env.maxStatesPerInsn, seen);
  if (add) addCheckpoint(env, insn);
  return false;
}

function addCheckpoint(env: Env, insn: number): void {
  const { cur } = env;
  env.totalStates++;
  env.exploredStates++;
  env.updatePeak();
  env.prevJmpsProcessed = env.jmpsProcessed;
  env.prevInsnProcessed = env.insnProcessed;
  for (const frame of cur.frames) frame.forgetPrecision();
  forgetSingularIds(cur);
  const saved = cur.copy();
  saved.insnIdx = insn;
  enterLoop(env, saved);
  cur.parent = saved;
  cur.firstInsn = insn;
  cur.dfsDepth = saved.dfsDepth + 1;
  cur.history = undefined;
  env.hasHistoryEntry = false;
  const bucket = bucketOf(env, insn, cur);
  const list = env.checkpoints[bucket];
  if (list === undefined) env.checkpoints[bucket] = [saved];
  else list.push(saved);
}
