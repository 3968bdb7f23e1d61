// Making a program with a difference smaller: instructions become no-ops while the difference stays, and go at the end.

import { BPF_PSEUDO_CALL, BPF_PSEUDO_FUNC, type Insn } from "../../src/bpf/isa/index.ts";
import type { ResolvedProgram } from "../../src/bpf/object/index.ts";

const CALL = 0x85;
const EXIT = 0x95;
const LD_IMM64 = 0x18;
const NOP: Insn = { code: 0x05, dst_reg: 0, src_reg: 0, off: 0, imm: 0 };
const isNop = (insn: Insn): boolean => insn.code === NOP.code && insn.off === 0;
const jumps = ({ code }: Insn): boolean => [5, 6].includes(code & 7) && code !== CALL && code !== EXIT;
const refers = ({ code, src_reg }: Insn): boolean =>
  (code === CALL && src_reg === BPF_PSEUDO_CALL) || (code === LD_IMM64 && src_reg === BPF_PSEUDO_FUNC);

/** The program without instruction `gone`; jumps, calls and functions go where they went. */
function without(program: ResolvedProgram, gone: number): ResolvedProgram {
  const moved = (from: number, distance: number): number => {
    const to = from + 1 + distance;
    return to - Number(to > gone) - (from + 1 - Number(from > gone));
  };
  const insns = program.insns
    .map((insn, i) => {
      if (jumps(insn)) return { ...insn, off: moved(i, insn.off) };
      return refers(insn) ? { ...insn, imm: moved(i, insn.imm) } : insn;
    })
    .toSpliced(gone, 1);
  const subprogs = program.subprogs.map((sub) => ({ ...sub, start: sub.start - Number(sub.start > gone) }));
  return { ...program, insns, subprogs };
}

/** The smallest program found that still `differs`. */
export function minimise(program: ResolvedProgram, differs: (program: ResolvedProgram) => boolean): ResolvedProgram {
  let best = program;
  for (let progress = true; progress;) {
    progress = false;
    for (let i = best.insns.length - 1; i >= 0; i--) {
      const at = best.insns[i];
      if (isNop(at) || at.code === EXIT || at.code === 0) continue;
      const insns = at.code === LD_IMM64 ? best.insns.with(i, NOP).with(i + 1, NOP) : best.insns.with(i, NOP);
      const candidate = { ...best, insns };
      if (!differs(candidate)) continue;
      best = candidate;
      progress = true;
    }
  }
  for (let i = best.insns.length - 1; i >= 0; i--) {
    const starts = best.subprogs.map(({ start }) => start);
    if (!isNop(best.insns[i]) || starts.includes(i)) continue;
    const candidate = without(best, i);
    if (differs(candidate)) best = candidate;
  }
  return best;
}
