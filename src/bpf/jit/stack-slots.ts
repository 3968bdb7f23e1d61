// Takes words of the frame for registers. What does not fit into BPF's ten registers compilers spill to the frame, and what a
// loop carries there from turn to turn waits for the store at every load. When a function keeps the address of its frame to
// itself, nobody else sees these words; a WebAssembly engine cannot know that. Here they become registers beyond r10, and their
// loads and stores become moves. Others stay: measured, a load costs less than one more value the engine has to place.

import { MAX_BPF_STACK, type Insn, type OpRow } from "../isa/index.ts";
import { dominators } from "./dominators.ts";
import { REG_FP, REGISTERS, replaceInsn, slotsOf, type Effects } from "./effects.ts";
import { depthFirst, graphOf, predecessors, type Graph } from "./graph.ts";
import { liveness } from "./liveness.ts";
import { isReducible, loopsOf } from "./loops.ts";
import { NODE_CODE, type Unit } from "./unit.ts";

const MOV32_X = 0xbc;
const MOV64_X = 0xbf;
const MOV32_K = 0xb4;
const MOV64_K = 0xb7;

/** The first register that is none of BPF's. */
const FIRST = REG_FP + 1;

/** A word of the frame and the instructions that load and store it. */
interface Word {
  readonly width: number;
  readonly slots: number[];
  loads: number;
  /** Nothing but whole loads and stores. */
  plain: boolean;
}

const isPlain = ({ op, width }: OpRow): boolean => (op === "ldx" || op === "st" || op === "stx") && width >= 32;

// The words of a unit's frame; undefined when its address is used for anything but loads and stores.
function wordsOf(unit: Unit, { insns, rows, reads, writes }: Effects): Word[] | undefined {
  const words: Word[] = [];
  // The last word seen at each byte of the frame.
  const owner: (Word | undefined)[] = Array.from({ length: MAX_BPF_STACK });
  for (let node = 0; node < unit.kind.length; node++) {
    if (unit.kind[node] !== NODE_CODE) continue;
    for (let slot = unit.first[node]; slot < unit.end[node]; slot += slotsOf(rows[slot])) {
      if (!((reads[slot] | writes[slot]) & (1 << REG_FP))) continue;
      const row = rows[slot]!;
      const { dst_reg, src_reg, off } = insns[slot];
      const isLoad = row.class === "ldx";
      const other = isLoad ? dst_reg : row.class === "stx" ? src_reg : -1;
      const start = MAX_BPF_STACK + off;
      const bytes = row.width / 8;
      if (!isLoad && row.class !== "stx" && row.class !== "st") return undefined;
      if (row.op === "load_acquire" || other === REG_FP) return undefined;
      if (start < 0 || start + bytes > MAX_BPF_STACK) return undefined;
      let word = owner[start];
      if (word?.width !== row.width || owner[start - 1] === word) {
        word = { width: row.width, slots: [], loads: 0, plain: true };
        words.push(word);
      }
      for (let at = start; at < start + bytes; at++) {
        const before = owner[at];
        if (before !== undefined && before !== word) before.plain = word.plain = false;
        owner[at] = word;
      }
      if (!isPlain(row)) word.plain = false;
      if (isLoad) word.loads++;
      word.slots.push(slot);
    }
  }
  return words;
}

// A load or store of a word as a move from or to register `reg`.
function moveOf({ dst_reg, src_reg, imm }: Insn, { op, width }: OpRow, reg: number): Insn {
  if (op === "st") return { code: width === 64 ? MOV64_K : MOV32_K, dst_reg: reg, src_reg: 0, off: 0, imm };
  const code = width === 64 ? MOV64_X : MOV32_X;
  return op === "stx"
    ? { code, dst_reg: reg, src_reg, off: 0, imm: 0 }
    : { code, dst_reg, src_reg: reg, off: 0, imm: 0 };
}

/**
 * Makes registers of words of a verified function's frame, as many as there are. `effects.insns` must be the compiler's own, and no
 * other function may share the unit's slots. A word that may be loaded before it was stored stays in memory, for what lies there
 * from before.
 */
export function promoteStackSlots(unit: Unit, effects: Effects): void {
  const words = (wordsOf(unit, effects) ?? [])
    .filter(({ plain, loads }) => plain && loads > 0)
    .sort((a, b) => b.slots.length - a.slots.length)
    .slice(0, REGISTERS - REG_FP - 1);
  if (words.length === 0) return;
  const before = new Map(words.flatMap(({ slots }) => slots.map((slot) => [slot, effects.insns[slot]] as const)));
  for (const [i, { slots }] of words.entries()) {
    for (const slot of slots) replaceInsn(effects, slot, moveOf(effects.insns[slot], effects.rows[slot]!, FIRST + i));
  }
  const graph = graphOf(unit.succ);
  const live = liveness(unit, graph, effects, () => 0);
  const kept = carried(unit, graph, effects, live) & ~live[0];
  for (const [i, { slots }] of words.entries()) {
    if (!(kept & (1 << (FIRST + i)))) for (const slot of slots) replaceInsn(effects, slot, before.get(slot)!);
  }
}

// Mask of the registers that are written in a loop and live where its turns begin; none when the loops are not natural ones.
function carried(unit: Unit, graph: Graph, { writes }: Effects, live: Uint32Array): number {
  const order = depthFirst(graph);
  const preds = predecessors(graph);
  if (!isReducible(graph, order, dominators(graph, order, preds))) return 0;
  const { innermost, outer } = loopsOf(graph, order, preds);
  let found = 0;
  for (let node = 0; node < graph.count; node++) {
    let written = 0;
    for (let slot = unit.first[node]; slot < unit.end[node]; slot++) written |= writes[slot];
    for (let header = innermost[node]; header >= 0; header = outer[header]!) found |= written & live[header];
  }
  return found;
}
