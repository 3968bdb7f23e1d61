// The walk itself: every path from the entry of a function, instruction by instruction (do_check of kernel/bpf/verifier.c at
// v7.2).

import {
  BPF_ABS,
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
  BPF_JMP,
  BPF_JMP32,
  BPF_LD,
  BPF_LDX,
  BPF_LOAD_ACQ,
  BPF_MEMSX,
  BPF_MODE,
  BPF_OP,
  BPF_OR,
  BPF_PSEUDO_CALL,
  BPF_PSEUDO_FUNC,
  BPF_PSEUDO_KFUNC_CALL,
  BPF_PSEUDO_MAP_IDX_VALUE,
  BPF_PSEUDO_MAP_VALUE,
  BPF_SIZE,
  BPF_ST,
  BPF_STORE_REL,
  BPF_STX,
  BPF_W,
  BPF_XOR,
  imm64,
  rowsOf,
  type Insn,
} from "../isa/index.ts";
import { constRange, constRangeS32, sane } from "./bounds.ts";
import { checkAlu, checkWritable, readReg } from "./check-alu.ts";
import { subprogArgs, returnsVoid } from "./check-btf.ts";
import { checkSubprogCall, exitProgram, returnToCaller } from "./check-call.ts";
import { checkHelperCall } from "./check-helper.ts";
import { checkCondJump } from "./check-jump.ts";
import { allowedUnderLock, checkKfuncCall } from "./check-kfunc.ts";
import { checkAccess } from "./check-mem.ts";
import { checkFixedOffset } from "./check-offset.ts";
import { readStackArg, writeStackArg } from "./check-stack.ts";
import { accessBytes, atomicLoadReg } from "./const-fold.ts";
import { E2BIG, EACCES, EFAULT, EINVAL, type Env } from "./env.ts";
import { Rejection } from "./errors.ts";
import { helperNumber } from "./helpers-proto.ts";
import { JMP_POINT, PRUNE_POINT, SEEN } from "./insn-aux.ts";
import { stateText } from "./log.ts";
import { endPath, isVisited } from "./prune.ts";
import { checkResourceLeak, clearCallerSaved } from "./references.ts";
import {
  baseType,
  CONST_PTR_TO_MAP,
  MEM_RDONLY,
  pointer,
  PTR_MAYBE_NULL,
  PTR_TO_ARENA,
  PTR_TO_BTF_ID,
  PTR_TO_CTX,
  PTR_TO_FUNC,
  PTR_TO_MAP_VALUE,
  PTR_TO_MEM,
  PTR_TO_SOCK_COMMON,
  PTR_UNTRUSTED,
  scalar,
  typeName,
  UNKNOWN_SCALAR,
  withRange,
  ZERO_SCALAR,
  DYNPTR_LOCAL,
  type Reg,
  REG_NAMES,
} from "./reg-state.ts";
import { isIndirectJump, isStackArgLoad, isStackArgStore, isStackArgStoreImm, jumpOffset } from "./resolve.ts";
import { dynptrReg } from "./stack-objects.ts";
import { Frame, MAIN_FUNC, State } from "./states.ts";
import { fromBigInt, fromNumber } from "./u64.ts";

const SPIN_UNLOCK = helperNumber("spin_unlock");
const KPTR_XCHG = helperNumber("kptr_xchg");

/** "exit": the path ends; "moved": `env.insnIdx` is set; undefined: on to the next instruction. */
type Step = "exit" | "moved" | undefined;

/* ---- memory ---- */

/** Types that one instruction may not mix with others: their accesses are rewritten later. */
function mixes(type: number): boolean {
  const base = baseType(type);
  return base !== PTR_TO_CTX && base !== PTR_TO_SOCK_COMMON && base !== PTR_TO_BTF_ID && base !== PTR_TO_ARENA;
}

function recordPointerType(env: Env, type: number, allowTrust: boolean): void {
  const { ptrType } = env.aux;
  const at = env.insnIdx;
  const before = ptrType[at];
  if (before === 0) {
    ptrType[at] = type;
    return;
  }
  if (type === before || (mixes(type) && mixes(before))) return;
  const isObject = (t: number): boolean => baseType(t) === PTR_TO_MEM || baseType(t) === PTR_TO_BTF_ID;
  if (!allowTrust || !isObject(type) || !isObject(before)) {
    env.reject(EINVAL, "same insn cannot be used with different pointers");
  }
  const base = baseType(type) === PTR_TO_MEM || baseType(before) === PTR_TO_MEM ? PTR_TO_MEM : PTR_TO_BTF_ID;
  ptrType[at] = base | ((type | before) & (PTR_UNTRUSTED | MEM_RDONLY));
}

function load(env: Env, insn: Insn, strict: boolean, allowTrust: boolean): void {
  if (isStackArgLoad(insn)) {
    checkWritable(env, insn.dst_reg);
    readStackArg(env, insn.off, insn.dst_reg);
    return;
  }
  const src = readReg(env, insn.src_reg);
  checkWritable(env, insn.dst_reg);
  checkAccess(env, src, REG_NAMES[insn.src_reg], insn.off, accessBytes(insn.code), false, insn.dst_reg, {
    strict,
    signExtend: BPF_MODE(insn.code) === BPF_MEMSX,
    plain: BPF_MODE(insn.code) !== BPF_MEMSX && !strict,
  });
  recordPointerType(env, src.type, allowTrust);
  const out = env.reg(insn.dst_reg);
  env.setReg(insn.dst_reg, withRange(out, sane(out.range)));
}

function store(env: Env, insn: Insn, strict: boolean): void {
  if (isStackArgStore(insn)) {
    writeStackArg(env, insn.off, readReg(env, insn.src_reg));
    return;
  }
  readReg(env, insn.src_reg);
  const dst = readReg(env, insn.dst_reg);
  checkAccess(env, dst, REG_NAMES[insn.dst_reg], insn.off, accessBytes(insn.code), true, insn.src_reg, {
    strict,
    plain: !strict,
  });
  recordPointerType(env, dst.type, false);
}

function storeImm(env: Env, insn: Insn): void {
  if (isStackArgStoreImm(insn)) {
    writeStackArg(env, insn.off, scalar(constRangeS32(insn.imm)));
    return;
  }
  const dst = readReg(env, insn.dst_reg);
  checkAccess(env, dst, REG_NAMES[insn.dst_reg], insn.off, accessBytes(insn.code), true, -1);
  recordPointerType(env, dst.type, false);
}

const ARENA_LACKS: ReadonlySet<number> = new Set([BPF_AND, BPF_OR, BPF_XOR].map((op) => op | BPF_FETCH));

/** Atomics work on memory proper: not on contexts, and acquiring loads not on kernel objects. */
function checkAtomicPointer(env: Env, insn: Insn, index: number, what: string): void {
  const { type } = env.reg(index);
  const context = type === PTR_TO_CTX || baseType(type) === PTR_TO_SOCK_COMMON;
  const unsafe = insn.imm === BPF_LOAD_ACQ && (type === PTR_TO_BTF_ID || (type & PTR_UNTRUSTED) !== 0);
  // those the x86-64 JIT cannot make fault safely
  const fetch = type === PTR_TO_ARENA && ARENA_LACKS.has(insn.imm);
  if (context || unsafe || fetch) env.reject(EACCES, `BPF_ATOMIC ${what} R${index} ${typeName(type)} is not allowed`);
}

/** All atomic operations, whatever their size. */
const ATOMIC_IMMEDIATES: ReadonlySet<number> = new Set(
  rowsOf(BPF_STX | BPF_ATOMIC | BPF_DW).flatMap(({ when }) => (when?.[0] === "imm" ? [when[1]] : [])),
);

function atomic(env: Env, insn: Insn): void {
  const size = BPF_SIZE(insn.code);
  if (!ATOMIC_IMMEDIATES.has(insn.imm)) {
    env.reject(EINVAL, `BPF_ATOMIC uses invalid atomic opcode ${(insn.imm >>> 0).toString(16).padStart(2, "0")}`);
  }
  if (insn.imm === BPF_LOAD_ACQ) {
    readReg(env, insn.src_reg);
    checkAtomicPointer(env, insn, insn.src_reg, "loads from");
    load(env, insn, true, false);
    return;
  }
  if (insn.imm === BPF_STORE_REL) {
    store(env, insn, true);
    checkAtomicPointer(env, insn, insn.dst_reg, "stores into");
    return;
  }
  if (size !== BPF_W && size !== BPF_DW) env.reject(EINVAL, "invalid atomic operand size");
  readReg(env, insn.src_reg);
  readReg(env, insn.dst_reg);
  if (insn.imm === BPF_CMPXCHG) readReg(env, 0);
  checkAtomicPointer(env, insn, insn.dst_reg, "stores into");
  const loaded = atomicLoadReg(insn);
  if (loaded >= 0) {
    checkWritable(env, loaded);
    env.setReg(loaded, UNKNOWN_SCALAR);
  }
  const bytes = accessBytes(insn.code);
  const name = REG_NAMES[insn.dst_reg];
  const options = { strict: true, plain: false };
  checkAccess(env, env.reg(insn.dst_reg), name, insn.off, bytes, false, -1, options);
  if (loaded >= 0) checkAccess(env, env.reg(insn.dst_reg), name, insn.off, bytes, false, loaded, options);
  const dst = env.reg(insn.dst_reg);
  recordPointerType(env, dst.type, false);
  checkAccess(env, dst, name, insn.off, bytes, true, -1, options);
}

/* ---- 64-bit immediates, packet loads ---- */

function loadImm64(env: Env, insn: Insn): void {
  checkWritable(env, insn.dst_reg);
  const at = env.insnIdx;
  if (insn.src_reg === 0) {
    env.setReg(insn.dst_reg, scalar(constRange(fromBigInt(imm64(insn, env.insns[at + 1])))));
    return;
  }
  const symbol = env.aux.symbols.get(at);
  if (symbol !== undefined) {
    env.setReg(insn.dst_reg, symbol);
    return;
  }
  if (insn.src_reg === BPF_PSEUDO_FUNC) {
    const subprog = env.subprogAt(at + insn.imm + 1);
    if (!env.hasFuncInfo) env.reject(EINVAL, "missing btf func_info");
    if (env.subprogs[subprog].global) env.reject(EINVAL, "callback function not static");
    if (subprog === 0) env.reject(EINVAL, "callback function cannot be the main program");
    const reg = pointer(PTR_TO_FUNC);
    reg.num = subprog;
    env.setReg(insn.dst_reg, reg);
    return;
  }
  const value = insn.src_reg === BPF_PSEUDO_MAP_VALUE || insn.src_reg === BPF_PSEUDO_MAP_IDX_VALUE;
  if (value && env.aux.maps.get(at)?.map === env.arena && env.arena !== undefined) {
    env.setReg(insn.dst_reg, UNKNOWN_SCALAR);
    return;
  }
  const reg = pointer(value ? PTR_TO_MAP_VALUE : CONST_PTR_TO_MAP);
  const use = env.aux.maps.get(at);
  reg.map = use?.map;
  if (value) reg.range = constRange(fromNumber(use?.offset ?? 0));
  env.setReg(insn.dst_reg, reg);
}

function loadPacket(env: Env, insn: Insn): void {
  if (!env.type.skbLoads) env.reject(EINVAL, "BPF_LD_[ABS|IND] instructions not allowed for this program type");
  if (env.cur.frames.some((frame, i) => i > 0 && frame.inCallback)) {
    env.reject(EINVAL, "cannot use BPF_LD_[ABS|IND] within callback");
  }
  const ctx = readReg(env, 6);
  checkResourceLeak(env, false, true, "BPF_LD_[ABS|IND]");
  if (ctx.type !== PTR_TO_CTX) env.reject(EINVAL, "at the time of BPF_LD_ABS|IND R6 != pointer to skb");
  if (BPF_MODE(insn.code) === BPF_IND) readReg(env, insn.src_reg);
  checkFixedOffset(env, ctx, "R6", false);
  clearCallerSaved(env);
  env.setReg(0, UNKNOWN_SCALAR);
  if (env.cur.curframe === 0) return;
  // a load beyond the packet ends the function with 0
  env.scratchReg(0);
  env.pushState(env.insnIdx + 1, env.insnIdx);
  env.setReg(0, ZERO_SCALAR);
  returnToCaller(env);
  env.insnIdx--;
}

/* ---- calls and jumps ---- */

function call(env: Env, insn: Insn): Step {
  if (env.cur.activeLocks > 0) {
    const helper = insn.src_reg === 0 && insn.imm !== SPIN_UNLOCK && insn.imm !== KPTR_XCHG;
    const kfunc = insn.src_reg === BPF_PSEUDO_KFUNC_CALL && !allowedUnderLock(env, insn);
    if (helper || kfunc) env.reject(EINVAL, "function calls are not allowed while holding a lock");
  }
  env.scratchReg(0);
  if (env.subprogs[env.frame.subprogno].inStackArgs > 0) env.frame.noStackArgLoad = true;
  if (insn.src_reg === BPF_PSEUDO_CALL) return checkSubprogCall(env, env.insnIdx + insn.imm + 1);
  if (insn.src_reg === BPF_PSEUDO_KFUNC_CALL) return checkKfuncCall(env, insn);
  checkHelperCall(env, insn.imm);
  return undefined;
}

function jump(env: Env, insn: Insn): Step {
  env.jmpsProcessed++;
  switch (BPF_OP(insn.code)) {
    case BPF_CALL:
      return call(env, insn);
    case BPF_JA:
      if (isIndirectJump(insn)) env.notModelled("an indirect jump");
      env.insnIdx += jumpOffset(insn) + 1;
      return "moved";
    case BPF_EXIT: {
      const depth = env.cur.curframe;
      if (exitProgram(env, false) === "exit") return "exit";
      return depth > 0 ? "moved" : undefined;
    }
    default:
      checkCondJump(env, insn);
      return undefined;
  }
}

function step(env: Env, insn: Insn): Step {
  switch (BPF_CLASS(insn.code)) {
    case BPF_ALU:
    case BPF_ALU64:
      checkAlu(env, insn);
      return undefined;
    case BPF_LDX:
      load(env, insn, false, true);
      return undefined;
    case BPF_STX:
      if (BPF_MODE(insn.code) === BPF_ATOMIC) atomic(env, insn);
      else store(env, insn, false);
      return undefined;
    case BPF_ST:
      storeImm(env, insn);
      return undefined;
    case BPF_JMP:
    case BPF_JMP32:
      return jump(env, insn);
    case BPF_LD: {
      const mode = BPF_MODE(insn.code);
      if (mode === BPF_ABS || mode === BPF_IND) {
        loadPacket(env, insn);
      } else if (mode === BPF_IMM) {
        if (BPF_SIZE(insn.code) !== BPF_DW) env.reject(EINVAL, "invalid BPF_LD_IMM insn");
        loadImm64(env, insn);
        env.insnIdx++;
        env.aux.mark(env.insnIdx, SEEN);
      }
      return undefined;
    }
    default:
      return env.refuse(EFAULT);
  }
}

/* ---- the loop ---- */

/** Instructions walked on the path that ends go to the functions they were in. */
function accountPath(env: Env): void {
  const { frames } = env.cur;
  for (let i = frames.length - 1; i >= 0; i--) {
    const frame = frames[i];
    env.subprogs[frame.subprogno].insnsTotal += frame.insns;
    if (i > 0) frames[i - 1].insns += frame.insns;
    frame.insns = 0;
  }
}

/** Takes up the next waiting path; false when there is none. */
function nextPath(env: Env): boolean {
  accountPath(env);
  env.scratchAll();
  endPath(env, env.cur);
  const next = env.pending.pop();
  if (next === undefined) return false;
  env.cur = next.state;
  env.insnIdx = next.insn;
  env.prevInsnIdx = next.prev;
  if (env.level !== 0 && !env.wantsLevel2) env.log.cut(next.logEnd);
  return true;
}

function walkPaths(env: Env): void {
  let showState = false;
  let previous = -1;
  for (;;) {
    env.hasHistoryEntry = false;
    env.prevInsnIdx = previous;
    if (env.messages.length !== 0) env.messages = [];
    const at = env.insnIdx;
    const insn = env.insns[at];
    if (insn === undefined) return env.reject(EFAULT, `invalid insn idx ${at} insn_cnt ${env.insns.length}`);
    env.insnProcessed++;
    const { cur } = env;
    cur.frame.insns++;
    if (env.insnProcessed > env.limits.insns) {
      return env.reject(E2BIG, `BPF program is too large. Processed ${env.insnProcessed} insn`);
    }
    cur.lastInsn = previous;
    cur.insnIdx = at;
    const marks = (env.aux.marks[at] |= SEEN);
    if (marks & PRUNE_POINT && !env.everyPath && isVisited(env, at)) {
      if (env.wantsLog) env.trace(showState ? `\nfrom ${previous} to ${at}: safe\n` : `${at}: safe\n`);
      if (!nextPath(env)) return undefined;
      previous = env.prevInsnIdx;
      showState = true;
      continue;
    }
    if (marks & JMP_POINT) env.pushHistory(0, 0, 0, undefined);
    if (env.wantsLog) traceStep(env, at, previous, showState);
    if (env.wantsLevel2) showState = false;
    env.observer?.(at, cur);
    previous = at;
    const result = step(env, insn);
    if (result === "exit") {
      if (!nextPath(env)) return undefined;
      previous = env.prevInsnIdx;
      showState = true;
    } else if (result === "moved") {
      if (BPF_OP(insn.code) === BPF_EXIT) showState = true;
    } else {
      env.insnIdx++;
    }
  }
}

function traceStep(env: Env, at: number, previous: number, showState: boolean): void {
  const { cur } = env;
  if (env.wantsLevel2 && showState) {
    env.trace(`\nfrom ${previous} to ${at}:${stateText(env, cur, cur.curframe, true)}`);
  }
  if (env.anyScratched) env.traceInsnState(cur, cur.curframe);
  env.traceLine(at, "; ");
  env.traceInsn(at);
}

/** Registers at the entry of a global function checked on its own. */
function setArguments(env: Env, subprog: number, frame: Frame): void {
  const sub = env.subprogs[subprog];
  const args = subprogArgs(env, subprog);
  if (args === undefined) return env.reject(EINVAL, `BTF of func#${subprog} does not describe its arguments`);
  if (sub.isExceptionCallback) {
    frame.inExceptionCallback = true;
    if (returnsVoid(env, subprog)) env.reject(EINVAL, "exception cb cannot return void");
    if (args.length !== 1 || args[0].kind !== "scalar") {
      env.reject(EINVAL, "exception cb only supports single integer argument");
    }
  }
  args.slice(0, 5).forEach((arg, i) => {
    frame.regs[i + 1] = argumentReg(env, arg);
  });
  return undefined;
}

function argumentReg(env: Env, arg: NonNullable<ReturnType<typeof subprogArgs>>[number]): Reg {
  switch (arg.kind) {
    case "ctx":
      return pointer(PTR_TO_CTX);
    case "scalar":
    case "arena":
      return UNKNOWN_SCALAR;
    case "dynptr":
      return dynptrReg(DYNPTR_LOCAL, true, env.nextId(), 0);
    case "mem": {
      const reg = pointer(PTR_TO_MEM | (arg.nullable ? PTR_MAYBE_NULL : 0) | arg.flags);
      reg.num = arg.size;
      if (arg.nullable) reg.id = env.nextId();
      return reg;
    }
    default: {
      const reg = pointer(PTR_TO_BTF_ID | (arg.nullable ? PTR_MAYBE_NULL : 0) | arg.flags);
      reg.btf = env.target;
      reg.num = arg.btf_id;
      reg.id = env.nextId();
      return reg;
    }
  }
}

/** Walks function `subprog` from its entry: the program itself, or a global function on its own. */
function walkFunction(env: Env, subprog: number): void {
  const sub = env.subprogs[subprog];
  env.forgetLine();
  const state = new State();
  state.inSleepable = env.program.sleepable;
  const frame = Frame.enter(MAIN_FUNC, 0, subprog);
  env.scratchAll();
  state.frames = [frame];
  state.firstInsn = sub.start;
  env.cur = state;
  env.insnIdx = sub.start;
  env.checkpoints = Array.from({ length: env.insns.length }, () => undefined);
  env.sccVisits.clear();
  env.messages = [];
  if (subprog !== 0) {
    if (env.wantsLog) env.trace(`Validating ${sub.name}() func#${subprog}...\n`);
    setArguments(env, subprog, frame);
  } else {
    mainArguments(env);
    frame.regs[1] = pointer(PTR_TO_CTX);
  }
  walkPaths(env);
  if (env.level !== 0 && !env.wantsLevel2) env.log.cut(0);
}

/** What the main function declares of its context does not matter, though the log may complain: it gets one. */
function mainArguments(env: Env): void {
  if (!env.hasFuncInfo) return;
  const sub = env.subprogs[0];
  try {
    subprogArgs(env, 0);
  } catch (error) {
    if (!(error instanceof Rejection)) throw error;
  }
  env.messages = [];
  sub.argCount = 1;
  sub.stackArgCount = 0;
}

/** Walks the program and every global function it calls. */
export function walkProgram(env: Env): void {
  walkFunction(env, 0);
  if (!env.hasFuncInfo) return;
  if (env.exceptionCallback !== 0) env.subprogs[env.exceptionCallback].called = true;
  for (let more = true; more;) {
    more = false;
    for (let i = 1; i < env.subprogs.length; i++) {
      const sub = env.subprogs[i];
      if (!sub.global || !sub.called || sub.verified) continue;
      walkFunction(env, i);
      env.lastSafe = `Func#${i} ('${sub.name}') is safe for any args that match its prototype\n`;
      if (env.wantsLog) env.trace(env.lastSafe);
      sub.verified = true;
      more = true;
    }
  }
}
