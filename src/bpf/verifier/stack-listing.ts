// What level 2 of the log shows of the analysis of the stack: how tracks of stack pointers change from instruction to
// instruction and where paths meet, what they are in the end, and what every function reads and writes of every frame
// (arg_track_log, print_subprog_arg_access and print_instances of kernel/bpf/liveness.c at v7.2).

import { BPF_CLASS, BPF_LDX, BPF_STX, isLdImm64 } from "../isa/index.ts";
import { IMPRECISE, isStackPointer, NONE, trackEqual, type ArgTrack } from "./arg-track.ts";
import { isCall, type Env } from "./env.ts";
import { alignment } from "./log.ts";
import { MAX_STACK_ARGS, REGS, UNREACHED, type Tracked } from "./stack-tracks.ts";

/** Reads and certain writes of one frame, four words of half slots per instruction. */
export interface ListedMasks {
  readonly reads: Int32Array;
  readonly writes: Int32Array;
}

/** One function as called from one place. */
export interface ListedInstance {
  readonly callsite: number;
  readonly depth: number;
  readonly subprog: number;
  readonly start: number;
  readonly count: number;
  readonly frames: readonly (ListedMasks | undefined)[];
}

const FP = 10;
const WORDS = 4;
const SLOTS = 64;
const SLOT_BYTES = 8;
/** The kernel puts such a text together in a buffer of that size. */
const MOST_TEXT = 319;

const signed = (value: number): string => (value < 0 ? String(value) : `+${value}`);
const slotOffset = (slot: number): number => -(slot + 1) * SLOT_BYTES;
const numbered = (at: number): string => `${String(at).padStart(3)}: `;

function trackText({ frame, offsets, mask }: ArgTrack): string {
  if (frame === NONE) return "_";
  if (frame === IMPRECISE) return `IMP${mask.toString(16)}`;
  if (frame < 0) return "?";
  return offsets.length === 0 ? `fp${frame} ?` : offsets.map((offset) => `fp${frame}${signed(offset)}`).join("|");
}

function subprogText(env: Env, subprog: number): string {
  const { name } = env.subprogs[subprog];
  return `subprog#${subprog}${name === "" ? "" : ` ${name}`}`;
}

/** Every pair of tracks that differ, with what the log calls the place: registers, stack arguments, slots. */
function* changes(
  before: Tracked,
  after: Tracked,
): Generator<readonly [name: string, before: ArgTrack, after: ArgTrack]> {
  for (let i = 0; i < REGS + MAX_STACK_ARGS; i++) {
    const [a, b] = [before.regs[i], after.regs[i]];
    if (!trackEqual(a, b)) yield [i < REGS ? `r${i}` : `sa${i - REGS}`, a, b];
  }
  for (let i = 0; i < SLOTS; i++) {
    const [a, b] = [before.slots[i], after.slots[i]];
    if (!trackEqual(a, b)) yield [`fp${slotOffset(i)}`, a, b];
  }
}

/** How an instruction changes the tracks. */
export function listTransfer(env: Env, at: number, before: Tracked, after: Tracked): void {
  let text = "";
  for (const [name, a, b] of changes(before, after)) text += `\t${name}: ${trackText(a)} -> ${trackText(b)}`;
  if (text !== "") env.trace(`${numbered(at)}${env.insnText(at)}${text}\n`);
}

/** What comes of tracks `from` arriving where `there` held; the first to arrive is not shown. */
export function listJoin(env: Env, at: number, to: number, there: Tracked, from: Tracked, joined: Tracked): void {
  if (there === UNREACHED) return;
  const arriving = new Map([...changes(UNREACHED, from)].map(([name, , track]) => [name, track]));
  for (const [name, a, b] of changes(there, joined)) {
    env.trace(
      `arg JOIN insn ${at} -> ${to} ${name}: ${trackText(a)} + ${trackText(arriving.get(name)!)} => ${trackText(b)}\n`,
    );
  }
}

/** The stack pointers before each load, store and call. */
export function listSubprog(env: Env, subprog: number, start: number, reached: readonly Tracked[]): void {
  let text = `${subprogText(env, subprog)}:\n`;
  for (let i = 0; i < reached.length; i++) {
    const at = start + i;
    const insn = env.insns[at];
    const kind = BPF_CLASS(insn.code);
    const shown = kind === BPF_LDX || kind === BPF_STX || isCall(insn) ? pointersText(reached[i]) : "";
    text += `${numbered(at)}${env.insnText(at)}${shown === "" ? "" : ` //${shown}`}\n`;
    if (isLdImm64(insn)) i++;
  }
  env.trace(text);
}

function pointersText(tracked: Tracked): string {
  let text = "";
  for (const [name, , track] of changes(UNREACHED, tracked)) {
    if (name !== `r${FP}` && isStackPointer(track)) text += ` ${name}=${trackText(track)}`;
  }
  return text;
}

/** What every function reads and certainly writes, by place of call and depth. */
export function listInstances(env: Env, instances: Iterable<ListedInstance>): void {
  const sorted = [...instances].sort((a, b) => a.callsite - b.callsite || a.depth - b.depth);
  for (const instance of sorted) {
    const { subprog, depth, callsite, start, count } = instance;
    env.trace(`stack use/def ${subprogText(env, subprog)} (d${depth},cs${callsite}):\n`);
    for (let i = 0; i < count; i++) {
      const text = `${numbered(start + i)}${env.insnText(start + i)}`;
      const accesses = accessesText(instance, i);
      const gap = " ".repeat(Math.max(1, alignment(text.length)));
      env.trace(`${text}${accesses === "" ? "" : `${gap};${accesses}`}\n`);
      if (isLdImm64(env.insns[start + i])) i++;
    }
  }
}

function accessesText({ depth, frames }: ListedInstance, at: number): string {
  let use = "";
  let def = "";
  for (let frame = depth; frame >= 0; frame--) {
    const masks = frames[frame];
    if (masks === undefined) continue;
    const reads = masks.reads.subarray(at * WORDS, (at + 1) * WORDS);
    const writes = masks.writes.subarray(at * WORDS, (at + 1) * WORDS);
    use += slotsText(reads, frame, use === "");
    def += slotsText(writes, frame, def === "");
  }
  return `${use === "" ? "" : ` use: ${use}`}${def === "" ? "" : ` def: ${def}`}`;
}

/** `fp0-8 fp0-12h fp0-16..-40`: slots, halves of slots, runs of three slots and more. */
function slotsText(halves: Int32Array, frame: number, first: boolean): string {
  const has = (half: number): boolean => (halves[half >> 5] & (1 << (half & 31))) !== 0;
  const whole = (slot: number): boolean => slot < SLOTS && has(slot * 2) && has(slot * 2 + 1);
  const parts: string[] = [];
  for (let slot = 0; slot < SLOTS; slot++) {
    const low = has(slot * 2);
    if (!low && !has(slot * 2 + 1)) continue;
    let text = `fp${frame}${slotOffset(slot)}`;
    if (!whole(slot)) {
      text = `fp${frame}${slotOffset(slot) + (low ? SLOT_BYTES / 2 : 0)}h`;
    } else if (whole(slot + 1) && whole(slot + 2)) {
      while (whole(slot + 1)) slot++;
      text += `..${slotOffset(slot)}`;
    }
    parts.push(text);
  }
  if (parts.length === 0) return "";
  return `${first ? "" : " "}${parts.join(" ")}`.slice(0, MOST_TEXT);
}
