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
import { computePostorder, isMayGoto } from "./cfg.ts";
import type { Env } from "./env.ts";
import { NOWHERE } from "./insn-aux.ts";
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

function addTo(a: Known, delta: number): Known {
  if (a.kind === "const") return constant(a.value + BigInt(delta));
  if (a.kind === "map_value") return { ...a, offset: u64(a.offset + BigInt(delta)) };
  return UNKNOWN;
}

function alu(insn: Insn, dst: Known, src: Known): Known {
  switch (BPF_OP(insn.code) | BPF_SRC(insn.code)) {
    case BPF_MOV | BPF_K:
      return constant(BigInt(insn.imm));
    case BPF_MOV | BPF_X:
      if (insn.off === 0) return src;
      if (src.kind !== "const" || ![8, 16, 32].includes(insn.off)) return UNKNOWN;
      return constant(BigInt.asIntN(insn.off, src.value));
    case BPF_ADD | BPF_K:
      return addTo(dst, insn.imm);
    case BPF_SUB | BPF_K:
      return addTo(dst, -insn.imm);
    case BPF_AND | BPF_K:
      if (dst.kind !== "const") return insn.imm === 0 ? constant(0n) : UNKNOWN;
      return constant(dst.value & u64(BigInt(insn.imm)));
    case BPF_AND | BPF_X:
      if ((dst.kind === "const" && dst.value === 0n) || (src.kind === "const" && src.value === 0n)) return constant(0n);
      return dst.kind === "const" && src.kind === "const" ? constant(dst.value & src.value) : UNKNOWN;
    default:
      return UNKNOWN;
  }
}

function loadImm(env: Env, at: number, insn: Insn): Known {
  const use = env.aux.maps.get(at);
  switch (insn.src_reg) {
    case 0:
      return constant(imm64(insn, env.insns[at + 1]));
    case BPF_PSEUDO_FUNC: {
      const index = env.subprogAt(at + insn.imm + 1);
      return index >= 0 ? { kind: "subprog", index } : UNKNOWN;
    }
    case BPF_PSEUDO_MAP_VALUE:
    case BPF_PSEUDO_MAP_IDX_VALUE:
      return use === undefined ? UNKNOWN : { kind: "map_value", map: use.map, offset: BigInt(use.offset) };
    case BPF_PSEUDO_MAP_FD:
    case BPF_PSEUDO_MAP_IDX:
      return use === undefined ? UNKNOWN : { kind: "map", map: use.map };
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

/** What the registers hold before an instruction, as numbers of known values. Shared, so never changed: who writes copies. */
type Row = readonly number[];

/** `regs` with one of them changed; itself when nothing changes. */
function withNumber(regs: Row, reg: number, number: number): Row {
  if (regs[reg] === number) return regs;
  const copy = regs.slice();
  copy[reg] = number;
  return copy;
}

/** What is known behind instruction `at`; `regs` itself when it changes nothing. */
function transfer(env: Env, at: number, regs: Row, values: KnownValues): Row {
  const insn = env.insns[at];
  if (isStackArgStore(insn) || isStackArgStoreImm(insn)) return regs;
  if (isStackArgLoad(insn)) return withNumber(regs, insn.dst_reg, UNKNOWN_NUMBER);
  switch (BPF_CLASS(insn.code)) {
    case BPF_ALU: {
      const out = alu(insn, values.list[regs[insn.dst_reg]], values.list[regs[insn.src_reg]]);
      const low = out.kind === "const" ? constant(BigInt.asUintN(32, out.value)) : UNKNOWN;
      return withNumber(regs, insn.dst_reg, values.numberOf(low));
    }
    case BPF_ALU64: {
      const out = alu(insn, values.list[regs[insn.dst_reg]], values.list[regs[insn.src_reg]]);
      return withNumber(regs, insn.dst_reg, values.numberOf(out));
    }
    case BPF_LD: {
      const mode = BPF_MODE(insn.code);
      if (mode === BPF_ABS || mode === BPF_IND) return withoutCallerSaved(regs);
      if (mode !== BPF_IMM || BPF_SIZE(insn.code) !== BPF_DW) return regs;
      return withNumber(regs, insn.dst_reg, values.numberOf(loadImm(env, at, insn)));
    }
    case BPF_LDX:
      return withNumber(regs, insn.dst_reg, values.numberOf(load(insn, values.list[regs[insn.src_reg]])));
    case BPF_JMP:
      return (BPF_OP(insn.code) | BPF_SRC(insn.code)) === BPF_CALL ? withoutCallerSaved(regs) : regs;
    case BPF_STX: {
      const reg = atomicLoadReg(insn);
      return reg >= 0 ? withNumber(regs, reg, UNKNOWN_NUMBER) : regs;
    }
    default:
      return regs;
  }
}

function withoutCallerSaved(regs: Row): Row {
  return regs.slice().fill(UNKNOWN_NUMBER, 0, 6);
}

/** Known values by number, each once. */
class KnownValues {
  readonly list: Known[] = [UNKNOWN, UNKNOWN];
  readonly #numbers = new Map<bigint | string, number>();
  readonly #maps: MapInfo[] = [];

  numberOf(known: Known): number {
    if (known.kind === "unknown") return UNKNOWN_NUMBER;
    const key = this.#key(known);
    let number = this.#numbers.get(key);
    if (number === undefined) {
      number = this.list.push(known) - 1;
      this.#numbers.set(key, number);
    }
    return number;
  }

  #key(known: Exclude<Known, { kind: "unknown" }>): bigint | string {
    switch (known.kind) {
      case "const":
        return known.value;
      case "subprog":
        return `function ${known.index}`;
      case "map":
        return `map ${this.#mapNumber(known.map)}`;
      default:
        return `value ${this.#mapNumber(known.map)} ${known.offset}`;
    }
  }

  #mapNumber(map: MapInfo): number {
    const at = this.#maps.indexOf(map);
    return at >= 0 ? at : this.#maps.push(map) - 1;
  }
}

const UNKNOWN_NUMBER = 1;
const ALL_UNKNOWN: Row = Array.from({ length: MAX_BPF_REG }, () => UNKNOWN_NUMBER);

/** What holds where two paths meet; `old` itself when nothing is new. */
function join(old: Row, regs: Row): Row {
  if (old === regs) return old;
  let out: number[] | undefined;
  for (let r = 0; r < MAX_BPF_REG; r++) {
    if (old[r] === regs[r] || old[r] === UNKNOWN_NUMBER) continue;
    out ??= old.slice();
    out[r] = UNKNOWN_NUMBER;
  }
  return out ?? old;
}

/** Notes of every jump and call what is known of the registers before it. */
export function computeConstRegs(env: Env): void {
  const { next, branch } = env.aux;
  const count = env.insns.length;
  const values = new KnownValues();
  /** By instruction; undefined before those not reached. */
  const before: (Row | undefined)[] = Array.from({ length: count }, () => undefined);
  for (const { start } of env.subprogs) before[start] = ALL_UNKNOWN;
  const arrive = (to: number, regs: Row): boolean => {
    if (to === NOWHERE || to >= count) return false;
    const old = before[to];
    const joined = old === undefined ? regs : join(old, regs);
    if (joined === old) return false;
    before[to] = joined;
    return true;
  };
  let changed: boolean;
  do {
    changed = false;
    for (let p = env.postorder.length - 1; p >= 0; p--) {
      const at = env.postorder[p];
      const regs = before[at];
      if (regs === undefined) continue;
      const after = transfer(env, at, regs, values);
      if (arrive(next[at], after)) changed = true;
      if (arrive(branch[at], after)) changed = true;
    }
  } while (changed && env.hasLoops);
  for (let at = 0; at < count; at++) {
    const regs = before[at];
    if (regs === undefined || regs === ALL_UNKNOWN) continue;
    const kind = BPF_CLASS(env.insns[at].code);
    if (kind === BPF_JMP || kind === BPF_JMP32) record(env, at, regs, values.list);
  }
}

function record(env: Env, at: number, regs: Row, list: readonly Known[]): void {
  const values: number[] = [];
  const maps: (MapInfo | undefined)[] = [];
  let constMask = 0;
  let mapMask = 0;
  let subprogMask = 0;
  for (let r = 0; r < 10; r++) {
    const number = regs[r];
    if (number <= UNKNOWN_NUMBER) continue;
    const known = list[number];
    if (known.kind === "const" && known.value <= 0xffff_ffffn) {
      constMask |= 1 << r;
      values[r] = Number(known.value);
    } else if (known.kind === "map") {
      mapMask |= 1 << r;
      maps[r] = known.map;
    } else if (known.kind === "subprog") {
      subprogMask |= 1 << r;
      values[r] = known.index;
    }
  }
  if (constMask | mapMask | subprogMask) env.aux.knownRegs.set(at, { constMask, mapMask, subprogMask, values, maps });
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

function isCondJump(insn: Insn): boolean {
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
    const { constMask, values } = env.aux.known(at);
    if (!(constMask & (1 << insn.dst_reg))) return;
    const register = BPF_SRC(insn.code) === BPF_X;
    if (register && !(constMask & (1 << insn.src_reg))) return;
    let a = BigInt(values[insn.dst_reg]);
    let b = register ? BigInt(values[insn.src_reg]) : u64(BigInt(insn.imm));
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
