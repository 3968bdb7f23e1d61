// Two stores of one 64-bit register side by side, as clang's memset and zero initialisers leave them, are one of 128 bits.

import type { Effects } from "./effects.ts";
import { NODE_CODE, type Unit } from "./unit.ts";

/** The first store's slot, by which the pair is found, to the lower of the two offsets; the second store is at the next slot. */
export type StorePairs = ReadonlyMap<number, number>;

/** Pairs of a unit's stores that follow one another in a node. */
export function findStorePairs(unit: Unit, { insns, rows }: Effects): StorePairs {
  const pairs = new Map<number, number>();
  const isStore = (slot: number): boolean => rows[slot]?.op === "stx" && rows[slot].width === 64;
  for (let node = 0; node < unit.kind.length; node++) {
    if (unit.kind[node] !== NODE_CODE) continue;
    for (let slot = unit.first[node]; slot + 1 < unit.end[node]; slot++) {
      if (!isStore(slot) || !isStore(slot + 1)) continue;
      const [a, b] = [insns[slot], insns[slot + 1]];
      if (a.dst_reg !== b.dst_reg || a.src_reg !== b.src_reg || Math.abs(a.off - b.off) !== 8) continue;
      pairs.set(slot, Math.min(a.off, b.off));
      slot++;
    }
  }
  return pairs;
}
