// Programs changed: instructions replaced by others, with jumps, calls and functions that go where they went.

import { BPF_PSEUDO_CALL, BPF_PSEUDO_FUNC, type Insn } from "../../src/bpf/isa/index.ts";
import type { ResolvedProgram } from "../../src/bpf/object/index.ts";

export const CALL = 0x85;
export const EXIT = 0x95;
export const LD_IMM64 = 0x18;
const GOTOL = 0x06;
export const NOP: Insn = { code: 0x05, dst_reg: 0, src_reg: 0, off: 0, imm: 0 };

export const isJump = ({ code }: Insn): boolean => [5, 6].includes(code & 7) && code !== CALL && code !== EXIT;
const refers = ({ code, src_reg }: Insn): boolean =>
  (code === CALL && src_reg === BPF_PSEUDO_CALL) || (code === LD_IMM64 && src_reg === BPF_PSEUDO_FUNC);

/** A jump in a replacement: `likewise` ones go where the replaced instruction went. */
export interface Likewise {
  readonly likewise: Insn;
}

/**
 * The program with `replace(insn, index)` in the place of each instruction. An instruction that is in its own replacement
 * goes where it went; what went to it goes to the first of the replacement.
 */
export function rewritten(
  program: ResolvedProgram,
  replace: (insn: Insn, index: number) => readonly (Insn | Likewise)[],
): ResolvedProgram {
  const parts = program.insns.map(replace);
  const starts: number[] = [];
  let length = 0;
  for (const part of parts) {
    starts.push(length);
    length += part.length;
  }
  const growth = length - parts.length;
  /** Where what went to `index` goes now; what went out of the program still does. */
  const moved = (index: number): number => (index < 0 ? index : (starts[index] ?? index + growth));
  const insns = parts.flatMap((part, i) =>
    part.map((piece, k) => {
      const to = (distance: number): number => moved(i + 1 + distance) - (starts[i] + k + 1);
      const { insns } = program;
      if ("likewise" in piece) return { ...piece.likewise, off: to(insns[i].off) };
      if (piece !== insns[i]) return piece;
      if (refers(piece) || piece.code === GOTOL) return { ...piece, imm: to(piece.imm) };
      return isJump(piece) ? { ...piece, off: to(piece.off) } : piece;
    }),
  );
  const subprogs = program.subprogs.map((sub) => ({ ...sub, start: moved(sub.start) }));
  return { ...program, insns, subprogs };
}
