// Loads of constants: what a program reads from a frozen map (.rodata) at an address it loads beforehand in the same block is
// known when it is compiled, and so is all that follows from it: sizes, masks, which way a test goes.

import type { Insn, OpRow } from "../isa/index.ts";
import type { MapImage, VmImage } from "../vm/index.ts";
import { REGISTERS, replaceInsn, slotsOf, type Effects } from "./effects.ts";
import { NODE_CODE, type Unit } from "./unit.ts";

const MOV32_K = 0xb4;
const MOV64_K = 0xb7;

/** True when there may be anything to fold. */
export function hasConstants({ maps }: VmImage): boolean {
  return maps.some(({ frozen }) => frozen);
}

/** Makes moves of such loads; `effects.insns` must be the compiler's own. */
export function foldConstantLoads(unit: Unit, effects: Effects, image: VmImage): void {
  const { insns, rows, writes } = effects;
  const frozen = image.maps.filter((map) => map.frozen);
  const view = new DataView(image.memory.buffer);
  const known: (number | undefined)[] = [];
  for (let node = 0; node < unit.kind.length; node++) {
    if (unit.kind[node] !== NODE_CODE) continue;
    known.length = 0;
    for (let slot = unit.first[node]; slot < unit.end[node]; slot += slotsOf(rows[slot])) {
      const row = rows[slot];
      if (row === undefined) continue;
      const insn = insns[slot];
      const base = known[insn.src_reg];
      if (row.class === "ldx" && base !== undefined) {
        const move = constantLoad(frozen, view, base + insn.off, insn, row);
        if (move !== undefined) replaceInsn(effects, slot, move);
      }
      const value = row.op === "ld_imm64" ? addressOf(insn, insns[slot + 1]) : movedFrom(insn, row, known);
      for (let reg = 0; reg < REGISTERS; reg++) if (writes[slot] & (1 << reg)) known[reg] = undefined;
      if (value !== undefined) known[insn.dst_reg] = value;
    }
  }
}

const addressOf = (low: Insn, high: Insn): number | undefined => (high.imm === 0 ? low.imm >>> 0 : undefined);

const movedFrom = ({ src_reg }: Insn, row: OpRow, known: readonly (number | undefined)[]): number | undefined =>
  row.op === "mov" && row.width === 64 && row.source === "X" ? known[src_reg] : undefined;

function constantLoad(
  frozen: readonly MapImage[],
  view: DataView,
  address: number,
  { dst_reg }: Insn,
  { op, width }: OpRow,
): Insn | undefined {
  const bytes = width / 8;
  const inside = frozen.some(
    ({ values, stride, max_entries, value_size }) =>
      address >= values && address + bytes <= values + stride * (max_entries - 1) + value_size,
  );
  if (!inside || (op !== "ldx" && op !== "ldsx")) return undefined;
  const [low, high] = halves(view, address, width, op === "ldsx");
  if (high === 0) return { code: MOV32_K, dst_reg, src_reg: 0, off: 0, imm: low };
  return high === low >> 31 ? { code: MOV64_K, dst_reg, src_reg: 0, off: 0, imm: low } : undefined;
}

function halves(view: DataView, address: number, width: OpRow["width"], signed: boolean): readonly [number, number] {
  if (width === 64) return [view.getInt32(address, true), view.getInt32(address + 4, true)];
  if (signed) {
    const low =
      width === 8 ? view.getInt8(address) : width === 16 ? view.getInt16(address, true) : view.getInt32(address, true);
    return [low, low >> 31];
  }
  const low =
    width === 8 ? view.getUint8(address) : width === 16 ? view.getUint16(address, true) : view.getInt32(address, true);
  return [low, 0];
}
