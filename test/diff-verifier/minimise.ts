// Making a program with a difference smaller: instructions become no-ops while the difference stays, and go at the end.

import type { Insn } from "../../src/bpf/isa/index.ts";
import type { ResolvedProgram } from "../../src/bpf/object/index.ts";
import { EXIT, LD_IMM64, NOP, rewritten } from "./edit.ts";

const isNop = (insn: Insn): boolean => insn.code === NOP.code && insn.off === 0;

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
    const candidate = rewritten(best, (insn, at) => (at === i ? [] : [insn]));
    if (differs(candidate)) best = candidate;
  }
  return best;
}
