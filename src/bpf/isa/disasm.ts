// Instructions to text, letter for letter as the kernel's disassembler prints them in the verifier's log
// (kernel/bpf/disasm.c at v7.2). Names of kfuncs, subprograms and maps come through callbacks, as there.

import * as C from "./constants.ts";
import { helperName } from "./helper-names.ts";
import {
  BPF_PSEUDO_CALL,
  BPF_PSEUDO_FUNC,
  BPF_PSEUDO_KFUNC_CALL,
  BPF_PSEUDO_MAP_FD,
  BPF_PSEUDO_MAP_IDX,
  BPF_PSEUDO_MAP_IDX_VALUE,
  BPF_PSEUDO_MAP_VALUE,
  type Insn,
} from "./insn.ts";
import { isLdImm64, rowOf, type Format, type OpRow } from "./optable.ts";

/** How to name what an instruction alone does not: `struct bpf_insn_cbs` of kernel/bpf/disasm.h. */
export interface DisasmCallbacks {
  /** Name behind a call: `+3` or a subprogram for BPF_PSEUDO_CALL (printed after `pc`), a kfunc's name otherwise. */
  readonly call?: (insn: Insn) => string | undefined;
  /** Text of a 64-bit immediate; `value` is the whole of it, unsigned. */
  readonly imm?: (insn: Insn, value: bigint) => string | undefined;
}

/** `+3`, `-1`, `+0`, as printf's `%+d`. */
function signed(value: number): string {
  return value < 0 ? String(value) : `+${value}`;
}

/** The 64-bit immediate of a two-slot instruction, unsigned. */
export function imm64(first: Insn, second: Insn | undefined): bigint {
  return (BigInt((second?.imm ?? 0) >>> 0) << 32n) | BigInt(first.imm >>> 0);
}

interface Context {
  readonly insn: Insn;
  readonly next: Insn | undefined;
  readonly row: OpRow;
  readonly callbacks: DisasmCallbacks;
}

const reg = (row: OpRow): string => (row.width === 32 ? "w" : "r");
const at = (register: number, off: number): string => `(r${register} ${signed(off)})`;
const fetchSuffix = (row: OpRow): string => (row.width === 64 ? "64" : "");

const FORMATS: Readonly<Record<Format, (context: Context) => string>> = {
  alu_k: ({ insn, row }) => `${reg(row)}${insn.dst_reg} ${row.symbol} ${insn.imm}`,
  alu_x: ({ insn, row }) => {
    const cast = row.from === undefined ? "" : `(s${row.from})`;
    return `${reg(row)}${insn.dst_reg} ${row.symbol} ${cast}${reg(row)}${insn.src_reg}`;
  },
  neg: ({ insn, row }) => `${reg(row)}${insn.dst_reg} = -${reg(row)}${insn.dst_reg}`,
  end: ({ insn, row }) => `r${insn.dst_reg} = ${row.symbol}${insn.imm} r${insn.dst_reg}`,
  addr_space_cast: ({ insn }) =>
    `r${insn.dst_reg} = addr_space_cast(r${insn.src_reg}, ${insn.imm >>> 16}, ${insn.imm & 0xffff})`,
  goto: ({ insn }) => `goto pc${signed(insn.off)}`,
  gotol: ({ insn }) => `gotol pc${signed(insn.imm)}`,
  gotox: ({ insn }) => `gotox r${insn.dst_reg}`,
  may_goto: ({ insn }) => `may_goto pc${signed(insn.off)}`,
  jump_k: ({ insn, row }) =>
    `if ${reg(row)}${insn.dst_reg} ${row.symbol} 0x${(insn.imm >>> 0).toString(16)} goto pc${signed(insn.off)}`,
  jump_x: ({ insn, row }) =>
    `if ${reg(row)}${insn.dst_reg} ${row.symbol} ${reg(row)}${insn.src_reg} goto pc${signed(insn.off)}`,
  call_helper: ({ insn, callbacks }) =>
    `call ${helperName(insn.imm) ?? callbacks.call?.(insn) ?? "unknown"}#${insn.imm}`,
  call_pc: ({ insn, callbacks }) => `call pc${callbacks.call?.(insn) ?? signed(insn.imm)}`,
  call_kfunc: ({ insn, callbacks }) => `call ${callbacks.call?.(insn) ?? "kernel-function"}#${insn.imm}`,
  callx: ({ insn }) => `callx r${insn.dst_reg}`,
  exit: () => "exit",
  ld_imm64: ({ insn, next, callbacks }) => {
    const value = imm64(insn, next);
    return `r${insn.dst_reg} = ${callbacks.imm?.(insn, value) ?? `0x${value.toString(16)}`}`;
  },
  ld_abs: ({ insn, row }) => `r0 = *(${row.symbol} *)skb[${insn.imm}]`,
  ld_ind: ({ insn, row }) => `r0 = *(${row.symbol} *)skb[r${insn.src_reg} + ${insn.imm}]`,
  ldx: ({ insn, row }) => `r${insn.dst_reg} = *(${row.symbol} *)${at(insn.src_reg, insn.off)}`,
  st: ({ insn, row }) => `*(${row.symbol} *)${at(insn.dst_reg, insn.off)} = ${insn.imm}`,
  stx: ({ insn, row }) => `*(${row.symbol} *)${at(insn.dst_reg, insn.off)} = r${insn.src_reg}`,
  lock: ({ insn, row }) => `lock *(u${row.width} *)${at(insn.dst_reg, insn.off)} ${row.symbol} r${insn.src_reg}`,
  fetch: ({ insn, row }) =>
    `r${insn.src_reg} = atomic${fetchSuffix(row)}_fetch_${row.symbol}((u${row.width} *)${at(insn.dst_reg, insn.off)}, r${insn.src_reg})`,
  xchg: ({ insn, row }) =>
    `r${insn.src_reg} = atomic${fetchSuffix(row)}_xchg((u${row.width} *)${at(insn.dst_reg, insn.off)}, r${insn.src_reg})`,
  cmpxchg: ({ insn, row }) =>
    `r0 = atomic${fetchSuffix(row)}_cmpxchg((u${row.width} *)${at(insn.dst_reg, insn.off)}, r0, r${insn.src_reg})`,
  load_acquire: ({ insn, row }) => `r${insn.dst_reg} = load_acquire((${row.symbol} *)${at(insn.src_reg, insn.off)})`,
  store_release: ({ insn, row }) => `store_release((${row.symbol} *)${at(insn.dst_reg, insn.off)}, r${insn.src_reg})`,
};

const SIZES: Readonly<Record<number, number>> = { [C.BPF_B]: 8, [C.BPF_H]: 16, [C.BPF_W]: 32, [C.BPF_DW]: 64 };

/** An atomic operation of a width that does not exist prints like the others, one that does not exist as `BUG_xx`. */
function unknownAtomic(insn: Insn, callbacks: DisasmCallbacks): string {
  const code = insn.code.toString(16).padStart(2, "0");
  const row = rowOf({ ...insn, code: C.BPF_STX | C.BPF_ATOMIC | C.BPF_DW });
  if (row === undefined) return `BUG_${code}`;
  const width = SIZES[C.BPF_SIZE(insn.code)] as OpRow["width"];
  return `(${code}) ${FORMATS[row.format]({ insn, next: undefined, row: { ...row, width }, callbacks })}`;
}

/** `(bf) r6 = r1`: the instruction at slot `index`, without its number. An unknown one prints as `(xx) BUG`. */
export function disasmInsn(insns: readonly Insn[], index: number, callbacks: DisasmCallbacks = {}): string {
  const insn = insns[index];
  if (insn === undefined) return "(beyond the end)";
  const code = insn.code.toString(16).padStart(2, "0");
  const row = rowOf(insn);
  if (row === undefined) {
    const isAtomic = C.BPF_CLASS(insn.code) === C.BPF_STX && C.BPF_MODE(insn.code) === C.BPF_ATOMIC;
    return isAtomic ? unknownAtomic(insn, callbacks) : `(${code}) BUG`;
  }
  return `(${code}) ${FORMATS[row.format]({ insn, next: insns[index + 1], row, callbacks })}`;
}

/** The whole program as the verifier lists it, one `12: (bf) r6 = r1` a line; second slots are passed over. */
export function disasm(insns: readonly Insn[], callbacks: DisasmCallbacks = {}): string[] {
  const lines: string[] = [];
  for (let index = 0; index < insns.length; index++) {
    lines.push(`${index}: ${disasmInsn(insns, index, callbacks)}`);
    if (isLdImm64(insns[index])) index++;
  }
  return lines;
}

/**
 * An `imm` callback that names pseudo loads instead of printing their numbers: `map[id:3]`, `map[idx:0][0]+16`,
 * `subprog[+12]`; asm() takes these forms. `mapName` replaces the index in `map[...]`.
 */
export function nameImm(mapName?: (index: number) => string | undefined): NonNullable<DisasmCallbacks["imm"]> {
  return (insn, value) => {
    const low = Number(value & 0xffff_ffffn);
    const offset = Number(value >> 32n);
    switch (insn.src_reg) {
      case BPF_PSEUDO_MAP_FD:
        return `map[id:${low}]`;
      case BPF_PSEUDO_MAP_VALUE:
        return `map[id:${low}][0]+${offset}`;
      case BPF_PSEUDO_MAP_IDX:
        return `map[${mapName?.(low) ?? `idx:${low}`}]`;
      case BPF_PSEUDO_MAP_IDX_VALUE:
        return `map[${mapName?.(low) ?? `idx:${low}`}][0]+${offset}`;
      case BPF_PSEUDO_FUNC:
        return `subprog[${signed(insn.imm)}]`;
      default:
        return undefined;
    }
  };
}

/** The kind of a call instruction, or undefined for any other. */
export function callKind(insn: Insn): "helper" | "subprog" | "kfunc" | undefined {
  if (insn.code !== (C.BPF_JMP | C.BPF_CALL)) return undefined;
  if (insn.src_reg === BPF_PSEUDO_CALL) return "subprog";
  return insn.src_reg === BPF_PSEUDO_KFUNC_CALL ? "kfunc" : "helper";
}

/** Slot index a branch goes to when taken, for `ja`, `gotol`, `may_goto` and conditional jumps; undefined for the rest. */
export function jumpTarget(insn: Insn, index: number): number | undefined {
  const format = rowOf(insn)?.format;
  if (format === "gotol") return index + 1 + insn.imm;
  if (format === "goto" || format === "may_goto" || format === "jump_k" || format === "jump_x")
    return index + 1 + insn.off;
  return undefined;
}
