// ALU instructions: scalars, pointers moved by scalars, moves and their links (check_alu_op and adjust_*_min_max_vals of
// kernel/bpf/verifier.c at v7.2, for a privileged program).

import {
  BPF_ADD,
  BPF_ADDR_SPACE_CAST,
  BPF_ALU64,
  BPF_AND,
  BPF_ARSH,
  BPF_CLASS,
  BPF_DIV,
  BPF_END,
  BPF_LSH,
  BPF_MOD,
  BPF_MOV,
  BPF_MUL,
  BPF_NEG,
  BPF_OP,
  BPF_OR,
  BPF_RSH,
  BPF_SRC,
  BPF_SUB,
  BPF_TO_BE,
  BPF_X,
  BPF_XOR,
  type Insn,
} from "../isa/index.ts";
import { markPrecise } from "./backtrack.ts";
import { constRange, constRangeS32, Range, sane, withLowConst } from "./bounds.ts";
import { linkScalar, MAX_VAR_OFF, regWidth } from "./check-stack.ts";
import { cnum64Add, cnum64Negate, CNUM32_UNBOUNDED } from "./cnum.ts";
import { EACCES, EINVAL, type Env } from "./env.ts";
import { sync } from "./range-sync.ts";
import {
  ADD_CONST,
  ADD_CONST32,
  ADD_CONST64,
  baseType,
  cloneReg,
  CONST_PTR_TO_DYNPTR,
  CONST_PTR_TO_MAP,
  knownScalar,
  mayBeNull,
  NOT_INIT,
  PTR_TO_ARENA,
  PTR_TO_BTF_ID,
  PTR_TO_CTX,
  PTR_TO_FUNC,
  PTR_TO_MAP_KEY,
  PTR_TO_MAP_VALUE,
  PTR_TO_MEM,
  PTR_TO_STACK,
  PTR_UNTRUSTED,
  scalar,
  SCALAR_VALUE,
  typeName,
  UNKNOWN_SCALAR,
  unlinked,
  withRange,
  ZERO_SCALAR,
  Reg,
} from "./reg-state.ts";
import { aluRange, signExtendRange, signExtendRange32, swapRange, zeroExtend } from "./scalar-alu.ts";
import { tnumAdd, tnumSub, tnumSubregIsConst } from "./tnum.ts";
import { add, eq, fromNumber, isZero, lts, ltu, S64_MIN, shl, toSigned, U32_MASK, U64, U64_MAX } from "./u64.ts";

const FP = 10;

/** Reads a register; one never written is refused. */
export function readReg(env: Env, index: number): Reg {
  env.scratchReg(index);
  const reg = env.reg(index);
  if (reg.type === NOT_INIT) env.reject(EACCES, `R${index} !read_ok`);
  return reg;
}

/** How many immediates are kept as registers, a power of two. */
const IMMEDIATES = 256;

/** The sign-extended immediate of the current instruction as a register. */
export function immediate(env: Env, insn: Insn): Reg {
  const { imm } = insn;
  const at = imm & (IMMEDIATES - 1);
  const kept = env.immediates[at];
  if (kept !== undefined && kept.range.value.lo === imm) return kept;
  return (env.immediates[at] = scalar(constRangeS32(imm)));
}

/** A register about to be written; the frame pointer is not to be. */
export function checkWritable(env: Env, index: number): void {
  env.scratchReg(index);
  if (index === FP) env.reject(EACCES, "frame pointer is read only");
}

const SYMBOLS: Readonly<Record<number, string>> = {
  [BPF_ADD]: "+=",
  [BPF_SUB]: "-=",
  [BPF_MUL]: "*=",
  [BPF_DIV]: "/=",
  [BPF_OR]: "|=",
  [BPF_AND]: "&=",
  [BPF_LSH]: "<<=",
  [BPF_RSH]: ">>=",
  [BPF_MOD]: "%=",
  [BPF_XOR]: "^=",
  [BPF_ARSH]: "s>>=",
};

/* ---- pointers ---- */

const MOST = fromNumber(MAX_VAR_OFF);
const LEAST = fromNumber(-MAX_VAR_OFF);
const outside = (value: U64): boolean => !lts(value, MOST) || !lts(LEAST, value);

/** A scalar may only move a pointer by a bounded distance. */
function checkDistance(env: Env, off: Reg, type: number): void {
  const { range } = off;
  if (range.isConst && outside(range.value)) {
    env.reject(EINVAL, `math between ${typeName(type)} pointer and ${toSigned(range.value)} is not allowed`);
  }
  const { smin } = range;
  if (eq(smin, S64_MIN)) {
    env.reject(EINVAL, `math between ${typeName(type)} pointer and register with unbounded min value is not allowed`);
  }
  if (outside(smin)) env.reject(EINVAL, `value ${toSigned(smin)} makes ${typeName(type)} pointer be out of bounds`);
}

/** Nor may its offset leave the bounds. */
function checkPlace(env: Env, range: Range, type: number): void {
  if (range.isConst && outside(range.value)) {
    env.reject(EINVAL, `${typeName(type)} pointer offset ${toSigned(range.value)} is not allowed`);
  }
  const { smin } = range;
  if (outside(smin)) env.reject(EINVAL, `${typeName(type)} pointer offset ${toSigned(smin)} is not allowed`);
}

const MOVABLE: ReadonlySet<number> = new Set([
  PTR_TO_CTX,
  PTR_TO_MAP_VALUE,
  PTR_TO_MAP_KEY,
  PTR_TO_STACK,
  PTR_TO_BTF_ID,
  PTR_TO_MEM,
  PTR_TO_FUNC,
  CONST_PTR_TO_DYNPTR,
]);

/** `dst = ptr op off`; `reversed` when the scalar was the left operand. */
function movePointer(env: Env, insn: Insn, ptr: Reg, off: Reg, reversed: boolean): Reg {
  const op = BPF_OP(insn.code);
  const dst = insn.dst_reg;
  if (BPF_CLASS(insn.code) !== BPF_ALU64) {
    if (op === BPF_SUB) return UNKNOWN_SCALAR;
    env.reject(EACCES, `R${dst} 32-bit pointer arithmetic prohibited`);
  }
  if (mayBeNull(ptr.type)) {
    env.reject(EACCES, `R${dst} pointer arithmetic on ${typeName(ptr.type)} prohibited, null-check it first`);
  }
  const base = baseType(ptr.type);
  const nothing = base === CONST_PTR_TO_MAP && off.range.isConst && isZero(off.range.value) && op === BPF_ADD;
  if (!MOVABLE.has(base) && !nothing)
    env.reject(EACCES, `R${dst} pointer arithmetic on ${typeName(ptr.type)} prohibited`);
  if (base === PTR_TO_MEM && ptr.type & PTR_UNTRUSTED) return ptr;
  checkDistance(env, off, ptr.type);
  checkPlace(env, ptr.range, ptr.type);
  const a = ptr.range;
  const b = off.range;
  if (op === BPF_ADD && a.isConst && b.isConst) {
    const moved = constRange(add(a.value, b.value));
    checkPlace(env, moved, ptr.type);
    return withRange(ptr, moved);
  }
  let range: Range;
  switch (op) {
    case BPF_ADD:
      range = new Range(tnumAdd(a.bits, b.bits), cnum64Add(a.r64, b.r64), CNUM32_UNBOUNDED);
      break;
    case BPF_SUB:
      if (reversed) env.reject(EACCES, `R${dst} tried to subtract pointer from scalar`);
      if (ptr.type === PTR_TO_STACK) env.reject(EACCES, `R${dst} subtraction from stack pointer prohibited`);
      range = new Range(tnumSub(a.bits, b.bits), cnum64Add(a.r64, cnum64Negate(b.r64)), CNUM32_UNBOUNDED);
      break;
    case BPF_AND:
    case BPF_OR:
    case BPF_XOR:
      return env.reject(EACCES, `R${dst} bitwise operator ${SYMBOLS[op]} on pointer prohibited`);
    default:
      return env.reject(EACCES, `R${dst} pointer arithmetic with ${SYMBOLS[op]} operator prohibited`);
  }
  checkPlace(env, range, ptr.type);
  return withRange(ptr, sync(range));
}

/* ---- scalars ---- */

/**
 * A value of -1 or 0 (a sign spread over the register) is followed as two paths when it is about to be masked by a constant.
 */
function forkOnSign(env: Env, insn: Insn, dst: Reg): Reg {
  const { range } = dst;
  const both64 = eq(range.smin, U64_MAX) && isZero(range.smax);
  if (!both64 && !(range.smin32 === -1 && range.smax32 === 0)) return dst;
  const branch = env.pushState(env.insnIdx, env.insnIdx);
  const { regs } = branch.frame;
  if (both64) {
    regs[insn.dst_reg] = ZERO_SCALAR;
    return knownScalar(U64_MAX);
  }
  regs[insn.dst_reg] = withRange(dst, withLowConst(range, 0));
  return withRange(dst, withLowConst(range, -1));
}

/** The link of `dst` after adding a constant: a register that is another plus delta stays linked to it. */
function relink(insn: Insn, before: Reg, src: Reg, range: Range): Reg {
  const op = BPF_OP(insn.code);
  const alu32 = BPF_CLASS(insn.code) !== BPF_ALU64;
  const known = alu32 ? tnumSubregIsConst(src.range.bits) : src.range.isConst;
  const itself = BPF_SRC(insn.code) === BPF_X && insn.src_reg === insn.dst_reg;
  const plain = scalar(range);
  if ((op !== BPF_ADD && op !== BPF_SUB) || before.id === 0 || !known || itself || before.id & ADD_CONST) return plain;
  const { value } = src.range;
  if (!alu32 && value.hi !== value.lo >> 31) return plain;
  if (alu32 && ltu(U32_MASK, before.range.umax)) return plain;
  let delta = value.lo;
  if (op === BPF_SUB) {
    if (delta === -0x8000_0000) return plain;
    delta = -delta;
  }
  const out = cloneReg(plain);
  out.id = before.id | (alu32 ? ADD_CONST32 : ADD_CONST64);
  out.delta = delta;
  return out;
}

function scalarOp(env: Env, insn: Insn, dst: Reg, src: Reg): Reg {
  const op = BPF_OP(insn.code);
  const alu32 = BPF_CLASS(insn.code) !== BPF_ALU64;
  const left = (op === BPF_AND || op === BPF_OR) && src.range.isConst ? forkOnSign(env, insn, dst) : dst;
  const range = aluRange(op, left.range, src.range, alu32, insn.off === 1);
  return relink(insn, dst, src, range);
}

function binary(env: Env, insn: Insn): Reg {
  const dst = env.reg(insn.dst_reg);
  // whatever is done to it, it stays inside the arena
  if (dst.type === PTR_TO_ARENA) return dst;
  if (BPF_SRC(insn.code) === BPF_X && env.reg(insn.src_reg).type === PTR_TO_ARENA) return env.reg(insn.src_reg);
  if (BPF_SRC(insn.code) !== BPF_X) {
    const src = immediate(env, insn);
    return dst.type === SCALAR_VALUE ? scalarOp(env, insn, dst, src) : movePointer(env, insn, dst, src, false);
  }
  const src = env.reg(insn.src_reg);
  const op = BPF_OP(insn.code);
  if (src.type !== SCALAR_VALUE && dst.type !== SCALAR_VALUE) {
    if (op === BPF_SUB) return UNKNOWN_SCALAR;
    return env.reject(EACCES, `R${insn.dst_reg} pointer ${SYMBOLS[op]} pointer prohibited`);
  }
  if (src.type !== SCALAR_VALUE) {
    markPrecise(env, insn.dst_reg);
    return movePointer(env, insn, src, dst, true);
  }
  if (dst.type !== SCALAR_VALUE) {
    markPrecise(env, insn.src_reg);
    return movePointer(env, insn, dst, src, false);
  }
  return scalarOp(env, insn, dst, src);
}

function checkBinary(env: Env, insn: Insn): void {
  const op = BPF_OP(insn.code);
  const register = BPF_SRC(insn.code) === BPF_X;
  if (register) readReg(env, insn.src_reg);
  readReg(env, insn.dst_reg);
  if ((op === BPF_MOD || op === BPF_DIV) && !register && insn.imm === 0) env.reject(EINVAL, "div by zero");
  if ((op === BPF_LSH || op === BPF_RSH || op === BPF_ARSH) && !register) {
    const width = BPF_CLASS(insn.code) === BPF_ALU64 ? 64 : 32;
    if (insn.imm < 0 || insn.imm >= width) env.reject(EINVAL, `invalid shift ${insn.imm}`);
  }
  checkWritable(env, insn.dst_reg);
  env.setReg(insn.dst_reg, binary(env, insn));
}

/* ---- moves ---- */

/** Whether sign extension from `bits` cannot change the value. */
function isPositiveIn(reg: Reg, bits: number): boolean {
  return ltu(reg.range.umax, shl(new U64(0, 1), bits - 1));
}

/** Copies `insn.src_reg` linking both copies, or without a link. */
function copySource(env: Env, insn: Insn, link: boolean): Reg {
  const src = env.reg(insn.src_reg);
  if (!link) return unlinked(src);
  const linked = linkScalar(env, src);
  env.setReg(insn.src_reg, linked);
  return linked;
}

/** Nothing is known of it but that it points into the arena. */
const ARENA_POINTER: Reg = new Reg(PTR_TO_ARENA, UNKNOWN_SCALAR.range);

function moveReg(env: Env, insn: Insn): Reg {
  const src = env.reg(insn.src_reg);
  const wide = BPF_CLASS(insn.code) === BPF_ALU64;
  // off says that the address space changes, imm from which to which
  if (wide && insn.imm !== 0) return insn.imm === 1 ? ARENA_POINTER : UNKNOWN_SCALAR;
  if (wide && insn.off === 0) return copySource(env, insn, true);
  if (src.type !== SCALAR_VALUE) return wide ? UNKNOWN_SCALAR : scalar(sync(zeroExtend(UNKNOWN_SCALAR.range)));
  if (wide) {
    const copy = copySource(env, insn, isPositiveIn(src, insn.off));
    return withRange(copy, signExtendRange(copy.range, insn.off / 8));
  }
  if (insn.off === 0) {
    const copy = copySource(env, insn, regWidth(src) <= 32);
    return withRange(copy, sync(zeroExtend(copy.range)));
  }
  const copy = copySource(env, insn, isPositiveIn(src, insn.off));
  return withRange(copy, sync(zeroExtend(signExtendRange32(copy.range, insn.off / 8))));
}

function checkMove(env: Env, insn: Insn): void {
  const register = BPF_SRC(insn.code) === BPF_X;
  const wide = BPF_CLASS(insn.code) === BPF_ALU64;
  if (register) {
    if (wide && insn.off === BPF_ADDR_SPACE_CAST && insn.imm !== 0 && env.arena === undefined) {
      env.reject(EINVAL, "addr_space_cast insn can only be used in a program that has an associated arena");
    }
    readReg(env, insn.src_reg);
  }
  checkWritable(env, insn.dst_reg);
  if (register) env.setReg(insn.dst_reg, moveReg(env, insn));
  else env.setReg(insn.dst_reg, wide ? immediate(env, insn) : scalar(constRange(new U64(0, insn.imm))));
}

function checkUnary(env: Env, insn: Insn): void {
  const reg = readReg(env, insn.dst_reg);
  checkWritable(env, insn.dst_reg);
  if (reg.type !== SCALAR_VALUE) {
    env.setReg(insn.dst_reg, UNKNOWN_SCALAR);
    return;
  }
  const wide = BPF_CLASS(insn.code) === BPF_ALU64;
  if (BPF_OP(insn.code) === BPF_NEG) {
    env.setReg(insn.dst_reg, scalar(aluRange(BPF_NEG, reg.range, reg.range, !wide, false)));
    return;
  }
  const swap = wide || BPF_SRC(insn.code) === BPF_TO_BE;
  const range = swapRange(reg.range, insn.imm as 16 | 32 | 64, swap);
  const keeps = !swap && insn.imm === 64;
  env.setReg(insn.dst_reg, keeps ? withRange(reg, range) : scalar(range));
}

/** Checks an instruction of class ALU or ALU64. */
export function checkAlu(env: Env, insn: Insn): void {
  const op = BPF_OP(insn.code);
  if (op === BPF_END || op === BPF_NEG) checkUnary(env, insn);
  else if (op === BPF_MOV) checkMove(env, insn);
  else checkBinary(env, insn);
  const out = env.reg(insn.dst_reg);
  env.setReg(insn.dst_reg, withRange(out, sane(out.range)));
}
