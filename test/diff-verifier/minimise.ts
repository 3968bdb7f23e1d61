// Making a program with a difference smaller: instructions become no-ops while the difference stays.

import type { Insn } from "../../src/bpf/isa/index.ts";
import type { ResolvedProgram } from "../../src/bpf/object/index.ts";

const NOP: Insn = { code: 0x05, dst_reg: 0, src_reg: 0, off: 0, imm: 0 };
const isNop = (insn: Insn): boolean => insn.code === 0x05 && insn.off === 0;

/** The smallest program found that still `differs`. */
export function minimise(program: ResolvedProgram, differs: (program: ResolvedProgram) => boolean): ResolvedProgram {
  let best = program;
  for (let progress = true; progress;) {
    progress = false;
    for (let i = best.insns.length - 1; i >= 0; i--) {
      const at = best.insns[i];
      if (isNop(at) || at.code === 0x95 || at.code === 0) continue;
      const insns = at.code === 0x18 ? best.insns.with(i, NOP).with(i + 1, NOP) : best.insns.with(i, NOP);
      const candidate = { ...best, insns };
      if (!differs(candidate)) continue;
      best = candidate;
      progress = true;
    }
  }
  return best;
}
