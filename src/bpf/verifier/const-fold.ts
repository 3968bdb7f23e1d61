// Constants that hold on every path: registers with one known value before an instruction, and branches that therefore
// always go the same way (kernel/bpf/const_fold.c at v7.2). Such branches become plain jumps before the walk.

import {
  BPF_ABS,
  BPF_ADD,
  BPF_ALU,
  BPF_ALU64,
  BPF_AND,
  BPF_ATOMIC,
  BPF_CALL,
  BPF_CLASS,
  BPF_CMPXCHG,
  BPF_DW,
  BPF_EXIT,
  BPF_FETCH,
  BPF_IMM,
  BPF_IND,
  BPF_JA,
  BPF_JCOND,
  BPF_JEQ,
  BPF_JGE,
  BPF_JGT,
  BPF_JLE,
  BPF_JLT,
  BPF_JMP,
  BPF_JMP32,
  BPF_JNE,
  BPF_JSET,
  BPF_JSGE,
  BPF_JSGT,
  BPF_JSLE,
  BPF_JSLT,
  BPF_K,
  BPF_LD,
  BPF_LDX,
  BPF_LOAD_ACQ,
  BPF_MEMSX,
  BPF_MODE,
  BPF_MOV,
  BPF_OP,
  BPF_PSEUDO_FUNC,
  BPF_PSEUDO_MAP_FD,
  BPF_PSEUDO_MAP_IDX,
  BPF_PSEUDO_MAP_IDX_VALUE,
  BPF_PSEUDO_MAP_VALUE,
  BPF_SIZE,
  BPF_SRC,
  BPF_STX,
  BPF_SUB,
  BPF_X,
  imm64,
  MAX_BPF_REG,
  type Insn,
} from "../isa/index.ts";
import { computePostorder, isMayGoto, successors } from "./cfg.ts";
import type { Env } from "./env.ts";
import { isConstant, type MapInfo } from "./maps.ts";
import { isStackArgLoad, isStackArgStore, isStackArgStoreImm } from "./resolve.ts";

type Known =
  | { readonly kind: "const"; readonly value: bigint }
  | { readonly kind: "map"; readonly map: MapInfo }
  | { readonly kind: "map_value"; readonly map: MapInfo; readonly offset: bigint }
  | { readonly kind: "subprog"; readonly index: number }
  | { readonly kind: "unknown" };

const UNKNOWN: Known = { kind: "unknown" };
const u64 = (value: bigint): bigint => BigInt.asUintN(64, value);
const constant = (value: bigint): Known => ({ kind: "const", value: u64(value) });

/** Bytes of a load or store. */
export function accessBytes(code: number): number {
  return [4, 2, 1, 8][BPF_SIZE(code) >> 3];
}

/** Register an atomic loads into, or -1. */
export function atomicLoadReg(insn: Insn): number {
  if (BPF_CLASS(insn.code) !== BPF_STX || BPF_MODE(insn.code) !== BPF_ATOMIC) return -1;
  if (insn.imm === BPF_CMPXCHG) return 0;
  if (insn.imm === BPF_LOAD_ACQ) return insn.dst_reg;
  return insn.imm & BPF_FETCH ? insn.src_reg : -1;
}

/** A constant of a frozen map, sign-extended when `signed`; undefined outside the value. */
export function readConstant(map: MapInfo, offset: number, bytes: number, signed: boolean): bigint | undefined {
  if (!isConstant(map) || offset < 0 || offset + bytes > map.value_size) return undefined;
  let value = 0n;
  for (let i = bytes - 1; i >= 0; i--) value = (value << 8n) | BigInt(map.contents?.[offset + i] ?? 0);
  return signed ? u64(BigInt.asIntN(bytes * 8, value)) : value;
}

function addTo(a: Known, delta: bigint): Known {
  if (a.kind === "const") return constant(a.value + delta);
  if (a.kind === "map_value") return { ...a, offset: u64(a.offset + delta) };
  return UNKNOWN;
}

function alu(insn: Insn, dst: Known, src: Known): Known {
  const imm = BigInt(insn.imm);
  switch (BPF_OP(insn.code) | BPF_SRC(insn.code)) {
    case BPF_MOV | BPF_K:
      return constant(imm);
    case BPF_MOV | BPF_X:
      if (insn.off === 0) return src;
      if (src.kind !== "const" || ![8, 16, 32].includes(insn.off)) return UNKNOWN;
      return constant(BigInt.asIntN(insn.off, src.value));
    case BPF_ADD | BPF_K:
      return addTo(dst, imm);
    case BPF_SUB | BPF_K:
      return addTo(dst, -imm);
    case BPF_AND | BPF_K:
      if (dst.kind !== "const") return insn.imm === 0 ? constant(0n) : UNKNOWN;
      return constant(dst.value & u64(imm));
    case BPF_AND | BPF_X:
      if ((dst.kind === "const" && dst.value === 0n) || (src.kind === "const" && src.value === 0n)) return constant(0n);
      return dst.kind === "const" && src.kind === "const" ? constant(dst.value & src.value) : UNKNOWN;
    default:
      return UNKNOWN;
  }
}

function loadImm(env: Env, at: number, insn: Insn): Known {
  const { map, mapOffset } = env.aux[at];
  switch (insn.src_reg) {
    case 0:
      return constant(imm64(insn, env.insns[at + 1]));
    case BPF_PSEUDO_FUNC: {
      const index = env.subprogAt(at + insn.imm + 1);
      return index >= 0 ? { kind: "subprog", index } : UNKNOWN;
    }
    case BPF_PSEUDO_MAP_VALUE:
    case BPF_PSEUDO_MAP_IDX_VALUE:
      return map === undefined ? UNKNOWN : { kind: "map_value", map, offset: BigInt(mapOffset) };
    case BPF_PSEUDO_MAP_FD:
    case BPF_PSEUDO_MAP_IDX:
      return map === undefined ? UNKNOWN : { kind: "map", map };
    default:
      return UNKNOWN;
  }
}

function load(insn: Insn, src: Known): Known {
  if (src.kind !== "map_value") return UNKNOWN;
  const offset = Number(BigInt.asIntN(32, src.offset + BigInt(insn.off)));
  const value = readConstant(src.map, offset, accessBytes(insn.code), BPF_MODE(insn.code) === BPF_MEMSX);
  return value === undefined ? UNKNOWN : constant(value);
}

/** What is known behind instruction `at`, from what is known before it. */
function transfer(env: Env, at: number, regs: Known[]): void {
  const insn = env.insns[at];
  if (isStackArgStore(insn) || isStackArgStoreImm(insn)) return;
  if (isStackArgLoad(insn)) {
    regs[insn.dst_reg] = UNKNOWN;
    return;
  }
  const forgetCallerSaved = (): void => {
    for (let r = 0; r <= 5; r++) regs[r] = UNKNOWN;
  };
  switch (BPF_CLASS(insn.code)) {
    case BPF_ALU:
    case BPF_ALU64: {
      const out = alu(insn, regs[insn.dst_reg], regs[insn.src_reg] ?? UNKNOWN);
      const narrow = BPF_CLASS(insn.code) === BPF_ALU;
      if (narrow) regs[insn.dst_reg] = out.kind === "const" ? constant(BigInt.asUintN(32, out.value)) : UNKNOWN;
      else regs[insn.dst_reg] = out;
      return;
    }
    case BPF_LD: {
      const mode = BPF_MODE(insn.code);
      if (mode === BPF_ABS || mode === BPF_IND) forgetCallerSaved();
      else if (mode === BPF_IMM && BPF_SIZE(insn.code) === BPF_DW) regs[insn.dst_reg] = loadImm(env, at, insn);
      return;
    }
    case BPF_LDX:
      regs[insn.dst_reg] = load(insn, regs[insn.src_reg] ?? UNKNOWN);
      return;
    case BPF_JMP:
      if ((BPF_OP(insn.code) | BPF_SRC(insn.code)) === BPF_CALL) forgetCallerSaved();
      return;
    case BPF_STX: {
      const reg = atomicLoadReg(insn);
      if (reg >= 0) regs[reg] = UNKNOWN;
      return;
    }
    default:
  }
}

function same(a: Known, b: Known): boolean {
  if (a.kind === "const") return b.kind === "const" && a.value === b.value;
  if (a.kind === "map") return b.kind === "map" && a.map === b.map;
  if (a.kind === "subprog") return b.kind === "subprog" && a.index === b.index;
  if (a.kind === "map_value") return b.kind === "map_value" && a.map === b.map && a.offset === b.offset;
  return b.kind === "unknown";
}

/** Fills the const fields of every instruction. */
export function computeConstRegs(env: Env): void {
  const before: (Known | undefined)[][] = env.insns.map(() => []);
  for (const sub of env.subprogs) before[sub.start] = Array.from({ length: MAX_BPF_REG }, () => UNKNOWN);
  const join = (to: (Known | undefined)[], from: readonly Known[]): boolean => {
    let changed = false;
    for (let r = 0; r < MAX_BPF_REG; r++) {
      const old = to[r];
      const now = from[r];
      if (old === undefined) {
        to[r] = now;
        changed = true;
      } else if (old.kind !== "unknown" && !same(old, now)) {
        to[r] = UNKNOWN;
        changed = true;
      }
    }
    return changed;
  };
  let changed = true;
  while (changed) {
    changed = false;
    for (let p = env.postorder.length - 1; p >= 0; p--) {
      const at = env.postorder[p];
      if (before[at].length === 0) continue;
      const regs = before[at].slice() as Known[];
      transfer(env, at, regs);
      for (const next of successors(env, at)) {
        if (next < before.length && join(before[next], regs)) changed = true;
      }
    }
  }
  before.forEach((regs, at) => record(env, at, regs));
}

function record(env: Env, at: number, regs: readonly (Known | undefined)[]): void {
  const aux = env.aux[at];
  const values: number[] = [];
  const maps: (MapInfo | undefined)[] = [];
  for (let r = 0; r < 10; r++) {
    const known = regs[r];
    if (known === undefined) continue;
    if (known.kind === "const" && known.value <= 0xffff_ffffn) {
      aux.constMask |= 1 << r;
      values[r] = Number(known.value);
    } else if (known.kind === "map") {
      aux.constMapMask |= 1 << r;
      maps[r] = known.map;
    } else if (known.kind === "subprog") {
      aux.constSubprogMask |= 1 << r;
      values[r] = known.index;
    }
  }
  aux.constValues = values;
  aux.constMaps = maps;
}

function evaluate(op: number, a: bigint, b: bigint): boolean {
  const sa = BigInt.asIntN(64, a);
  const sb = BigInt.asIntN(64, b);
  switch (op) {
    case BPF_JEQ:
      return a === b;
    case BPF_JNE:
      return a !== b;
    case BPF_JGT:
      return a > b;
    case BPF_JGE:
      return a >= b;
    case BPF_JLT:
      return a < b;
    case BPF_JLE:
      return a <= b;
    case BPF_JSGT:
      return sa > sb;
    case BPF_JSGE:
      return sa >= sb;
    case BPF_JSLT:
      return sa < sb;
    case BPF_JSLE:
      return sa <= sb;
    case BPF_JSET:
      return (a & b) !== 0n;
    default:
      return false;
  }
}

export function isCondJump(insn: Insn): boolean {
  const kind = BPF_CLASS(insn.code);
  if (kind !== BPF_JMP && kind !== BPF_JMP32) return false;
  const op = BPF_OP(insn.code);
  return op !== BPF_JA && op !== BPF_CALL && op !== BPF_EXIT && op <= BPF_JCOND;
}

/** Turns branches that always go the same way into jumps. */
export function pruneDeadBranches(env: Env): void {
  let changed = false;
  env.insns.forEach((insn, at) => {
    if (!isCondJump(insn) || isMayGoto(insn)) return;
    const { constMask, constValues } = env.aux[at];
    if (!(constMask & (1 << insn.dst_reg))) return;
    const register = BPF_SRC(insn.code) === BPF_X;
    if (register && !(constMask & (1 << insn.src_reg))) return;
    let a = BigInt(constValues[insn.dst_reg]);
    let b = register ? BigInt(constValues[insn.src_reg]) : u64(BigInt(insn.imm));
    if (BPF_CLASS(insn.code) === BPF_JMP32) {
      a = u64(BigInt.asIntN(32, a));
      b = u64(BigInt.asIntN(32, b));
    }
    const off = evaluate(BPF_OP(insn.code), a, b) ? insn.off : 0;
    env.insns[at] = { code: BPF_JMP | BPF_JA, dst_reg: 0, src_reg: 0, off, imm: 0 };
    changed = true;
  });
  if (changed) computePostorder(env);
}
