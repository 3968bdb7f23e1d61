// Finds rotations: BPF has none, so that clang writes (x << k) | (x >> (w - k)) with copies of x in two registers. Values are
// numbered within a block to see that both shifts start from the same one.

import { REGISTERS, slotsOf, type Effects } from "./effects.ts";
import { NODE_CODE, type Unit } from "./unit.ts";

/** At slot `or`, the result is the value that slot `save` is about to shift right, rotated left. */
export interface Rotation {
  readonly save: number;
  readonly or: number;
  readonly amount: number;
  readonly wide: boolean;
  /** Which scratch local keeps the value in between; those in use at the same time differ. */
  readonly scratch: number;
}

/** The rotations of a unit, by either of their slots. */
export interface Rotations {
  readonly bySave: ReadonlyMap<number, Rotation>;
  readonly byOr: ReadonlyMap<number, Rotation>;
}

// A shift of value `base` made at `slot`.
interface Shift {
  readonly base: number;
  readonly amount: number;
  readonly left: boolean;
  readonly wide: boolean;
  readonly slot: number;
}

const JOINS = new Set<string>(["or", "xor", "add"]);

/** Finds the rotations of a unit's blocks. */
export function findRotations(unit: Unit, { insns, rows, writes }: Effects): Rotations {
  const bySave = new Map<number, Rotation>();
  const byOr = new Map<number, Rotation>();
  // Numbers of the values registers hold, in full and in their low half.
  const full = new Int32Array(REGISTERS);
  const low = new Int32Array(REGISTERS);
  let values = 0;
  for (let node = 0; node < unit.kind.length; node++) {
    if (unit.kind[node] !== NODE_CODE) continue;
    const shifts = new Map<number, Shift>();
    for (let reg = 0; reg < REGISTERS; reg++) full[reg] = low[reg] = values++;
    let scratch = 0;
    for (let slot = unit.first[node]; slot < unit.end[node]; slot += slotsOf(rows[slot])) {
      const row = rows[slot];
      if (row === undefined) continue;
      const { dst_reg, src_reg, imm } = insns[slot];
      const wide = row.width === 64;
      if (row.op === "mov" && row.source === "X") {
        full[dst_reg] = wide ? full[src_reg] : values++;
        low[dst_reg] = low[src_reg]!;
        continue;
      }
      if (JOINS.has(row.op) && row.source === "X") {
        const numbers = wide ? full : low;
        const rotation = rotationOf(shifts.get(numbers[dst_reg]), shifts.get(numbers[src_reg]), wide, slot, scratch);
        if (rotation !== undefined && !bySave.has(rotation.save)) {
          bySave.set(rotation.save, rotation);
          byOr.set(slot, rotation);
          scratch++;
        }
      }
      const base = wide ? full[dst_reg] : low[dst_reg];
      for (let reg = 0; reg < REGISTERS; reg++) if (writes[slot] & (1 << reg)) full[reg] = low[reg] = values++;
      if ((row.op === "lsh" || row.op === "rsh") && row.source === "K") {
        shifts.set(full[dst_reg], { base, amount: imm & (row.width - 1), left: row.op === "lsh", wide, slot });
      }
    }
  }
  return { bySave, byOr };
}

// The rotation that two shifts joined at `or` are. Halves of a 32-bit one are zero-extended, so that it may be joined in full.
function rotationOf(
  a: Shift | undefined,
  b: Shift | undefined,
  wide: boolean,
  or: number,
  scratch: number,
): Rotation | undefined {
  if (a === undefined || b === undefined || a.base !== b.base || a.left === b.left || a.wide !== b.wide)
    return undefined;
  if (a.wide && !wide) return undefined;
  const [left, right] = a.left ? [a, b] : [b, a];
  if (left.amount + right.amount !== (a.wide ? 64 : 32) || left.amount === 0 || right.amount === 0) return undefined;
  return { save: right.slot, or, amount: left.amount, wide: a.wide, scratch };
}
