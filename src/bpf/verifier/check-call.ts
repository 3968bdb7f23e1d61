// Calls of the program's own functions: static ones are entered, global ones are assumed valid and checked on their own,
// callbacks are walked as a loop would be (check_func_call, push_callback_call, prepare_func_exit of
// kernel/bpf/verifier.c at v7.2).

import { markPrecise } from "./backtrack.ts";
import { structIdsMatch, subprogArgs, returnsVoid } from "./check-btf.ts";
import { checkFixedMemory } from "./check-mem.ts";
import { checkArgOffset, checkFixedOffset } from "./check-offset.ts";
import { E2BIG, EACCES, EFAULT, EINVAL, type Env, type SubprogArg } from "./env.ts";
import { callsBackAsync } from "./cfg.ts";
import { Rejection } from "./errors.ts";
import { stateText } from "./log.ts";
import { widenImprecise } from "./check-jump.ts";
import { checkLoopEntered, previousEntry } from "./prune.ts";
import { checkResourceLeak, clearCallerSaved, clearStackArgs, maySleepHere, whyNoSleep } from "./references.ts";
import {
  baseType,
  CONST_PTR_TO_DYNPTR,
  isNull,
  mayBeNull,
  MEM_RCU,
  PTR_MAYBE_NULL,
  PTR_TO_ARENA,
  PTR_TO_BTF_ID,
  PTR_TO_CTX,
  PTR_TO_STACK,
  PTR_TRUSTED,
  PTR_UNTRUSTED,
  SCALAR_VALUE,
  typeName,
  UNINIT,
  UNKNOWN_SCALAR,
  type Reg,
} from "./reg-state.ts";
import { dynptrAt } from "./stack-objects.ts";
import { Frame, MAIN_FUNC, MAX_CALL_FRAMES, State } from "./states.ts";
import { toSigned } from "./u64.ts";
import { structOpsReturn } from "./check-return.ts";

/** Fills the registers of a callee from its caller. */
export type SetCallee = (caller: Frame, callee: Frame) => void;

/** Enters function `subprog` from `callsite` in `state`. */
function enterFunction(env: Env, state: State, subprog: number, callsite: number, set: SetCallee): void {
  const depth = state.frames.length;
  if (depth >= MAX_CALL_FRAMES) env.reject(E2BIG, `the call stack of ${depth + 1} frames is too deep`);
  const callee = Frame.enter(callsite, depth, subprog);
  env.scratchAll();
  set(state.frame, callee);
  state.frames.push(callee);
}

/* ---- arguments by BTF ---- */

function argRegister(env: Env, index: number): Reg {
  return (index < 5 ? env.reg(index + 1) : env.frame.stackArgs[index - 5]) ?? UNINIT;
}

const MAX_REG_ARGS = 5;

/** Name of an argument as messages call it. */
export function argName(index: number): string {
  return index < 5 ? `R${index + 1}` : `*(R11-${(index - 4) * 8})`;
}

/** Arguments beyond the fifth must have been stored. */
export function checkStackArgs(env: Env, count: number): void {
  for (let i = 5; i < count; i++) {
    if (argRegister(env, i) === UNINIT || argRegister(env, i).type === 0) {
      env.reject(EFAULT, `callee expects ${count} args, stack arg${i - 4} is not initialized`);
    }
  }
}

/** Makes room in the caller for the arguments of a callee that takes `count`. */
export function needStackArgs(env: Env, count: number): void {
  const sub = env.subprogs[env.frame.subprogno];
  sub.stackArgCount = Math.max(sub.stackArgCount, sub.inStackArgs + Math.max(0, count - MAX_REG_ARGS));
}

function checkArg(env: Env, arg: SubprogArg, reg: Reg, name: string): void {
  switch (arg.kind) {
    case "scalar":
      if (reg.type !== SCALAR_VALUE) env.reject(EINVAL, `${name} is not a scalar`);
      return;
    case "ctx":
      checkArgOffset(env, { kind: "ctx", release: false }, reg, name);
      if (reg.type !== PTR_TO_CTX) env.reject(EINVAL, `${name} expects pointer to ctx`);
      return;
    case "mem":
      if (arg.flags & PTR_UNTRUSTED) return;
      checkArgOffset(env, { kind: "any", release: false }, reg, name);
      try {
        checkFixedMemory(env, reg, name, arg.size);
      } catch (error) {
        // the kernel says EINVAL whatever the memory check said
        throw error instanceof Rejection ? new Rejection(EINVAL) : error;
      }
      if (!arg.nullable && (mayBeNull(reg.type) || isNull(reg)))
        env.reject(EINVAL, `${name} is expected to be non-NULL`);
      return;
    case "arena":
      if (reg.type !== PTR_TO_ARENA && reg.type !== SCALAR_VALUE) {
        env.reject(EINVAL, `${name} is not a pointer to arena or scalar.`);
      }
      return;
    case "dynptr":
      checkArgOffset(env, { kind: "dynptr", release: false }, reg, name);
      if (reg.type !== PTR_TO_STACK && reg.type !== CONST_PTR_TO_DYNPTR) {
        env.reject(EINVAL, `${name} expected pointer to stack or const struct bpf_dynptr`);
      }
      if (dynptrAt(env, reg) === undefined) env.reject(EINVAL, `Expected an initialized dynptr as ${name}`);
      return;
    default:
      checkBtfArg(env, arg, reg, name);
  }
}

const STRUCT_POINTERS = [PTR_TO_BTF_ID, PTR_TO_BTF_ID | PTR_TRUSTED, PTR_TO_BTF_ID | MEM_RCU];

function checkBtfArg(env: Env, arg: SubprogArg, reg: Reg, name: string): void {
  if (arg.flags & PTR_UNTRUSTED) return;
  if (isNull(reg) && arg.nullable) return;
  if (!STRUCT_POINTERS.includes(arg.nullable ? reg.type & ~PTR_MAYBE_NULL : reg.type)) {
    env.reject(EACCES, `${name} type=${typeName(reg.type)} expected=${STRUCT_POINTERS.map(typeName).join(", ")}`);
  }
  checkFixedOffset(env, reg, name, true);
  const off = Number(toSigned(reg.range.value));
  if (!structIdsMatch(env, reg.btf!, reg.num, off, env.target, arg.btf_id, false, true)) {
    env.reject(
      EACCES,
      `${name} is of type ${reg.btf!.nameOf(reg.num)} but ${env.target.nameOf(arg.btf_id)} is expected`,
    );
  }
}

/** Checks a call's arguments against BTF. False for a static function whose BTF does not fit: it is walked anyway. */
function argsFit(env: Env, subprog: number): boolean {
  const sub = env.subprogs[subprog];
  if (!env.hasFuncInfo || sub.unreliable) return false;
  try {
    const args = subprogArgs(env, subprog);
    checkStackArgs(env, sub.argCount);
    if (args === undefined) {
      sub.unreliable = true;
      return false;
    }
    args.forEach((arg, i) => checkArg(env, arg, argRegister(env, i), argName(i)));
    return true;
  } catch (error) {
    if (!(error instanceof Rejection)) throw error;
    sub.unreliable = true;
    if (error.errno === EFAULT || sub.global) throw error;
    return false;
  }
}

/* ---- calls ---- */

function callGlobal(env: Env, subprog: number): "exit" | undefined {
  const sub = env.subprogs[subprog];
  const { cur } = env;
  if (cur.activeLocks > 0) {
    env.reject(EINVAL, "global function calls are not allowed while holding a lock,\nuse static function instead");
  }
  if (sub.mightSleep && !maySleepHere(env)) {
    env.reject(EINVAL, `sleepable global function ${sub.name}() called in ${whyNoSleep(env)}`);
  }
  if (env.wantsLog) env.trace(`Func#${subprog} ('${sub.name}') is global and assumed valid.\n`);
  sub.called = true;
  clearCallerSaved(env);
  clearStackArgs(env);
  if (!returnsVoid(env, subprog)) env.setReg(0, UNKNOWN_SCALAR);
  if (!sub.mightThrow) return undefined;
  env.pushState(env.insnIdx + 1, env.insnIdx);
  return exitProgram(env, true);
}

/** Checks a call of function `subprog`; a static one is entered. */
export function checkSubprogCall(env: Env, target: number): "exit" | undefined {
  const subprog = env.subprogAt(target);
  if (subprog < 0) return env.reject(EFAULT, `target of func call at insn ${target} is not a program`);
  const sub = env.subprogs[subprog];
  const { cur } = env;
  let fits: boolean;
  try {
    fits = argsFit(env, subprog);
  } catch (error) {
    if (error instanceof Rejection && error.errno !== EFAULT) {
      if (cur.activeLocks > 0 || (sub.mightSleep && !maySleepHere(env))) callGlobal(env, subprog);
      env.say(`Caller passes invalid args into func#${subprog} ('${sub.name}')\n`);
    }
    throw error;
  }
  if (sub.global) {
    if (!fits) {
      if (cur.activeLocks > 0 || (sub.mightSleep && !maySleepHere(env))) callGlobal(env, subprog);
      env.reject(EINVAL, `Caller passes invalid args into func#${subprog} ('${sub.name}')`);
    }
    return callGlobal(env, subprog);
  }
  const caller = env.frame;
  needStackArgs(env, sub.argCount);
  enterFunction(env, cur, subprog, env.insnIdx, (from, to) => {
    for (let r = 1; r <= 5; r++) to.regs[r] = from.regs[r]!;
  });
  for (let r = 0; r <= 5; r++) caller.regs[r] = UNINIT;
  env.insnIdx = sub.start - 1;
  if (env.wantsLog) {
    env.trace(`caller:\n${stateText(env, cur, caller.frameno, true)}`);
    env.trace(`callee:\n${stateText(env, cur, cur.curframe, true)}`);
  }
  return undefined;
}

/** Arranges for a callback to be walked: at once as if called in a loop, or later with a state of its own. */
export function pushCallback(env: Env, subprog: number, set: SetCallee, sleepable: boolean): void {
  const insn = env.insns[env.insnIdx];
  const sub = env.subprogs[subprog];
  try {
    argsFit(env, subprog);
  } catch (error) {
    if (!(error instanceof Rejection) || error.errno === EFAULT) throw error;
  }
  sub.isCallback = true;
  const caller = env.frame;
  if (callsBackAsync(env, insn)) {
    sub.isAsyncCallback = true;
    const state = new State();
    state.inSleepable = sleepable;
    const frame = Frame.enter(MAIN_FUNC, 0, subprog);
    env.scratchAll();
    state.frames = [frame];
    env.pending.push({ state, insn: sub.start, prev: env.insnIdx, logEnd: env.log.end });
    if (env.pending.length > env.limits.jumps) {
      env.reject(E2BIG, `The sequence of ${env.pending.length} jumps is too complex for async cb.`);
    }
    frame.asyncEntries = caller.asyncEntries + 1;
    set(caller, frame);
    return;
  }
  const state = env.pushState(sub.start, env.insnIdx);
  enterFunction(env, state, subprog, env.insnIdx, set);
  state.callbackUnrollDepth++;
  state.frames[state.curframe - 1].callbackDepth++;
  caller.callbackDepth = 0;
}

/* ---- returns ---- */

function inRange(reg: Reg, min: number, max: number): boolean {
  return toSigned(reg.range.smin) >= BigInt(min) && toSigned(reg.range.smax) <= BigInt(max);
}

/** "has smin=2 smax=2 should have been in [0, 1]" */
function rejectValue(env: Env, reg: Reg, min: number, max: number, context: string, name: string): never {
  const smin = toSigned(reg.range.smin);
  const smax = toSigned(reg.range.smax);
  let text = "";
  if (smin > -(1n << 63n)) text += ` smin=${smin}`;
  if (smax < (1n << 63n) - 1n) text += ` smax=${smax}`;
  return env.reject(
    EINVAL,
    `${context} the register ${name} has${text || " unknown scalar value"} should have been in [${min}, ${max}]`,
  );
}

/** The end of a callee: back to its caller, or to the call that calls it back. */
export function returnToCaller(env: Env): void {
  const { cur } = env;
  const callee = cur.frame;
  const r0 = callee.regs[0];
  if (r0.type === PTR_TO_STACK) env.reject(EINVAL, "cannot return stack pointer to the caller");
  const caller = cur.frames[cur.curframe - 1];
  if (callee.inCallback) {
    if (r0.type !== SCALAR_VALUE) env.reject(EACCES, "R0 not a scalar value");
    markPrecise(env, 0);
    if (!inRange(r0, callee.minReturn, callee.maxReturn)) {
      rejectValue(env, r0, callee.minReturn, callee.maxReturn, "At callback return", "R0");
    }
    env.insnIdx = callee.callsite;
  } else {
    caller.regs[0] = r0;
    env.insnIdx = callee.callsite + 1;
  }
  if (env.wantsLog) {
    env.trace(`returning from callee:\n${stateText(env, cur, callee.frameno, true)}`);
    env.trace(`to caller at ${env.insnIdx}:\n${stateText(env, cur, caller.frameno, true)}`);
  }
  caller.insns += callee.insns;
  env.subprogs[callee.subprogno].insnsTotal += callee.insns;
  cur.frames.pop();
  clearStackArgs(env);
  // a callback's rounds converge as those of a loop do
  const previous = callee.inCallback ? previousEntry(env, cur, env.insnIdx) : undefined;
  if (previous !== undefined) widenImprecise(previous, cur);
}

function checkGlobalReturn(env: Env): void {
  if (returnsVoid(env, env.frame.subprogno)) return;
  const reg = env.reg(0);
  env.scratchReg(0);
  if (reg.type === 0) env.reject(EACCES, "R0 !read_ok");
  if (reg.type !== SCALAR_VALUE && reg.type !== PTR_TO_ARENA) {
    env.reject(EINVAL, `At subprogram exit the register R0 is not a scalar value (${typeName(reg.type)})`);
  }
}

/** An exit instruction: "exit" ends the path, undefined goes on at `env.insnIdx`. */
export function exitProgram(env: Env, exception: boolean): "exit" | undefined {
  const { frame } = env;
  const main = frame.frameno === 0;
  checkResourceLeak(env, exception, exception || main, exception ? "bpf_throw" : "BPF_EXIT instruction in main prog");
  if (exception) {
    checkLoopEntered(env);
    return "exit";
  }
  if (!main) {
    returnToCaller(env);
    return undefined;
  }
  if (frame.subprogno !== 0 && !frame.inAsyncCallback && !frame.inExceptionCallback) checkGlobalReturn(env);
  else checkReturn(env, 0, "R0");
  return "exit";
}

/** What a program, or an asynchronous callback, returns. */
export function checkReturn(env: Env, index: number, name: string): void {
  const { frame } = env;
  const asyncCallback = env.cur.frames[0].inAsyncCallback;
  if (!asyncCallback && structOpsReturn(env) === "void") return;
  const reg = env.reg(index);
  env.scratchReg(index);
  if (reg.type === 0) env.reject(EACCES, `R${index} !read_ok`);
  if (!asyncCallback) {
    // A kernel of this version follows a wild pointer when such a program is loaded.
    const region = env.type.attach !== undefined && reg.type !== SCALAR_VALUE && returnsMemory(reg);
    if (region) {
      env.reject(EINVAL, `At program exit the register R${index} is not a known value (${typeName(reg.type)})`);
    }
    return;
  }
  if (reg.type !== SCALAR_VALUE) {
    env.reject(EINVAL, `At async callback return the register R${index} is not a known value (${typeName(reg.type)})`);
  }
  markPrecise(env, index);
  if (!inRange(reg, frame.minReturn, frame.maxReturn)) {
    rejectValue(env, reg, frame.minReturn, frame.maxReturn, "At async callback return", name);
  }
}

/** Memory with a size, the kind of pointer that must not be returned. */
function returnsMemory(reg: Reg): boolean {
  return typeName(baseType(reg.type)) === "mem";
}
