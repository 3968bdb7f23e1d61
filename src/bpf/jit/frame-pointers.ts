// Which registers hold an address in the frame, and how far from r10: followed through one block, and through the places in the
// frame where clang keeps such an address meanwhile.

import type { Insn, OpRow } from "../isa/index.ts";

const WORD = 8;

/** Follows a block from its start, instruction by instruction. */
export class FramePointers {
  readonly #registers: (number | undefined)[] = [];
  /** Spilled addresses by where they lie, as distances from r10. */
  readonly #spilled = new Map<number, number>();

  /** Nothing is known where a block starts, but for r10. */
  startBlock(): void {
    this.#registers.length = 0;
    this.#registers[10] = 0;
    this.#spilled.clear();
  }

  /** Distance of a register's address from r10, if that is known. */
  of(reg: number): number | undefined {
    return this.#registers[reg];
  }

  /**
   * Goes over one instruction, which writes the registers of the mask `writes`. A call may write to the frame wherever it has
   * an address of it, unless it is known to write to the `bytes` from r1 only.
   */
  step(insn: Insn, row: OpRow, writes: number, bytes?: number): void {
    const value = this.#valueOf(insn, row);
    if (row.class === "stx" || row.class === "st") this.#store(insn, row);
    else if (row.op === "call" || row.op === "callx") {
      const from = this.#registers[1];
      if (bytes === undefined || from === undefined) this.#spilled.clear();
      else this.#overwrite(from, bytes);
    }
    for (let reg = 0; reg < 10; reg++) if (writes & (1 << reg)) this.#registers[reg] = undefined;
    if (value !== undefined) this.#registers[insn.dst_reg] = value;
  }

  #valueOf({ dst_reg, src_reg, off, imm }: Insn, row: OpRow): number | undefined {
    if (row.width !== 64) return undefined;
    const [dst, src] = [this.#registers[dst_reg], this.#registers[src_reg]];
    if (row.op === "mov" && row.source === "X") return src;
    if (row.op === "add" && row.source === "K") return dst === undefined ? undefined : dst + imm;
    if (row.op === "ldx") return src === undefined ? undefined : this.#spilled.get(src + off);
    return undefined;
  }

  #store({ dst_reg, src_reg, off }: Insn, row: OpRow): void {
    const to = this.#registers[dst_reg];
    if (to === undefined) return this.#spilled.clear();
    this.#overwrite(to + off, row.width / 8);
    const value = this.#registers[src_reg];
    if (row.op === "stx" && row.width === 64 && value !== undefined) this.#spilled.set(to + off, value);
  }

  #overwrite(from: number, bytes: number): void {
    for (const at of this.#spilled.keys()) if (at < from + bytes && from < at + WORD) this.#spilled.delete(at);
  }
}
