// Which registers an instruction reads and writes, as bit masks, and how it ends a block: what control flow graph,
// liveness and code generation start from. One row of the instruction table per slot is looked up once for all of them.

import { rowOf, type Insn, type OpRow } from "../isa/index.ts";

/** r1-r5. */
export const ARG_MASK = 0x3e;
/** r10, which is never written. */
export const REG_FP = 10;
/** r0-r10, and those that stand for words of the frame (stack-slots.ts); few enough for a mask to be a small integer. */
export const REGISTERS = 30;

/** How control leaves a slot. */
export const FLOW_NEXT = 0;
export const FLOW_GOTO = 1;
/** Two ways: to the target when the condition holds, else on. */
export const FLOW_COND = 2;
export const FLOW_EXIT = 3;
/** Not executable: always a `code` fault. */
export const FLOW_FAULT = 4;

/** Per-slot facts of a whole program. The second slot of a 16-byte instruction has no row and does nothing. */
export interface Effects {
  readonly insns: readonly Insn[];
  readonly rows: readonly (OpRow | undefined)[];
  readonly reads: Uint32Array;
  readonly writes: Uint32Array;
  readonly flow: Uint8Array;
}

function readsOf(insn: Insn, row: OpRow): number {
  let mask = 0;
  for (const field of row.reads) mask |= 1 << insn[field];
  if (row.op === "cmpxchg" || row.op === "exit") mask |= 1;
  if (row.op === "callx") mask |= ARG_MASK;
  return mask;
}

function writesOf(insn: Insn, row: OpRow): number {
  if (row.op === "cmpxchg" || row.op === "call" || row.op === "callx") return 1;
  return row.writes === undefined ? 0 : 1 << insn[row.writes];
}

function flowOf(row: OpRow | undefined): number {
  if (row === undefined || row.refused !== undefined) return FLOW_FAULT;
  switch (row.format) {
    case "goto":
    case "gotol":
      return FLOW_GOTO;
    case "may_goto":
    case "jump_k":
    case "jump_x":
      return FLOW_COND;
    case "exit":
      return FLOW_EXIT;
    default:
      return FLOW_NEXT;
  }
}

/** Slots an instruction takes. */
export function slotsOf(row: OpRow | undefined): 1 | 2 {
  return row?.op === "ld_imm64" ? 2 : 1;
}

/** Facts of every slot; `callReads` gives the registers a call at a slot passes on. */
export function effectsOf(insns: readonly Insn[], callReads: (slot: number) => number): Effects {
  const { length } = insns;
  const rows: (OpRow | undefined)[] = Array.from({ length });
  const reads = new Uint32Array(length);
  const writes = new Uint32Array(length);
  const flow = new Uint8Array(length);
  for (let slot = 0; slot < length; slot++) {
    const insn = insns[slot];
    const row = rowOf(insn);
    const outside = insn.dst_reg > 10 || (insn.src_reg > 10 && row?.when?.[0] !== "src_reg");
    flow[slot] = outside ? FLOW_FAULT : flowOf(row);
    if (flow[slot] === FLOW_FAULT || row === undefined) continue;
    rows[slot] = row;
    reads[slot] = row.op === "call" ? callReads(slot) : readsOf(insn, row);
    writes[slot] = writesOf(insn, row);
    if (row.op === "ld_imm64") slot++;
  }
  return { insns, rows, reads, writes, flow };
}

/** Puts another instruction that neither jumps nor calls in the place of one; `effects.insns` must be the compiler's own. */
export function replaceInsn(effects: Effects, slot: number, by: Insn): void {
  const row = rowOf(by)!;
  (effects.insns as Insn[])[slot] = by;
  (effects.rows as (OpRow | undefined)[])[slot] = row;
  effects.reads[slot] = readsOf(by, row);
  effects.writes[slot] = writesOf(by, row);
}

/** The slot a jump goes to when it is taken. */
export function targetOf(insn: Insn, row: OpRow, slot: number): number {
  return slot + 1 + (row.format === "gotol" ? insn.imm : insn.off);
}
