// Which registers are read later on, at every instruction (bpf_compute_live_registers of kernel/bpf/liveness.c at v7.2).

import {
  BPF_ALU,
  BPF_ALU64,
  BPF_ATOMIC,
  BPF_CALL,
  BPF_CLASS,
  BPF_CMPXCHG,
  BPF_DW,
  BPF_END,
  BPF_EXIT,
  BPF_FETCH,
  BPF_IMM,
  BPF_JA,
  BPF_JCOND,
  BPF_JMP,
  BPF_JMP32,
  BPF_LD,
  BPF_LDX,
  BPF_LOAD_ACQ,
  BPF_MEM,
  BPF_MEMSX,
  BPF_MODE,
  BPF_MOV,
  BPF_OP,
  BPF_SIZE,
  BPF_SRC,
  BPF_ST,
  BPF_STORE_REL,
  BPF_STX,
  BPF_X,
  isLdImm64,
  type Insn,
} from "../isa/index.ts";
import { paramCount } from "./call-summary.ts";
import type { Env } from "./env.ts";
import { NOWHERE } from "./insn-aux.ts";

const CALLER_SAVED = 0x3f;
const ALL = 0xffff;

/** Registers read and written as one number: the mask of those written above that of those read. */
function useDef(env: Env, insn: Insn): number {
  const src = 1 << insn.src_reg;
  const dst = 1 << insn.dst_reg;
  const op = BPF_OP(insn.code);
  const mode = BPF_MODE(insn.code);
  const register = BPF_SRC(insn.code) === BPF_X;
  switch (BPF_CLASS(insn.code)) {
    case BPF_LD:
      return mode === BPF_IMM && BPF_SIZE(insn.code) === BPF_DW ? rw(0, dst) : ALL;
    case BPF_LDX:
      return mode === BPF_MEM || mode === BPF_MEMSX ? rw(src, dst) : ALL;
    case BPF_ST:
      return mode === BPF_MEM ? dst : ALL;
    case BPF_STX:
      if (mode === BPF_MEM) return dst | src;
      if (mode !== BPF_ATOMIC) return ALL;
      if (insn.imm === BPF_CMPXCHG) return rw(1 | dst | src, 1);
      if (insn.imm === BPF_LOAD_ACQ) return rw(src, dst);
      if (insn.imm === BPF_STORE_REL) return dst | src;
      return rw(dst | src, insn.imm & BPF_FETCH ? src : 0);
    case BPF_ALU:
    case BPF_ALU64:
      if (op === BPF_END) return rw(dst, dst);
      if (op === BPF_MOV) return rw(register ? src : 0, dst);
      return rw(register ? dst | src : dst, dst);
    case BPF_JMP:
    case BPF_JMP32:
      switch (op) {
        case BPF_JA:
          return register ? dst : 0;
        case BPF_JCOND:
          return 0;
        case BPF_EXIT:
          return 1;
        case BPF_CALL: {
          const params = paramCount(env, insn) ?? 5;
          return rw(((1 << (Math.min(params, 5) + 1)) - 1) & ~1, CALLER_SAVED);
        }
        default:
          return register ? dst | src : dst;
      }
    default:
      return ALL;
  }
}

const rw = (read: number, written: number): number => read | (written << 16);

/** Fills `liveRegs` of every instruction. */
export function computeLiveRegisters(env: Env): void {
  const { next, branch, liveRegs } = env.aux;
  const count = env.insns.length;
  const rows = new Uint32Array(count);
  for (let at = 0; at < count; at++) rows[at] = useDef(env, env.insns[at]);
  let changed: boolean;
  do {
    changed = false;
    for (let p = 0; p < env.postorder.length; p++) {
      const at = env.postorder[p];
      let after = 0;
      if (next[at] !== NOWHERE) after |= liveRegs[next[at]];
      if (branch[at] !== NOWHERE) after |= liveRegs[branch[at]];
      const row = rows[at];
      const live = (after & ~(row >>> 16)) | (row & ALL);
      if (live === liveRegs[at]) continue;
      liveRegs[at] = live;
      changed = true;
    }
  } while (changed && env.hasLoops);
  env.detail(() => listing(env));
}

function listing(env: Env): string {
  let text = "Live regs before insn:\n";
  for (let i = 0; i < env.insns.length; i++) {
    const scc = env.aux.scc[i];
    const liveRegs = env.aux.liveRegs[i];
    let regs = "";
    for (let r = 0; r < 10; r++) regs += liveRegs & (1 << r) ? String(r) : ".";
    text += `${scc ? `${String(scc).padStart(3)} ` : "    "}${String(i).padStart(3)}: ${regs} ${env.insnText(i)}\n`;
    if (isLdImm64(env.insns[i])) i++;
  }
  return text;
}
