// What each call of a function is: found by walking its blocks with the constants that registers hold, because clang loads
// a map or a callback right before the call it is for.

import { callKind } from "../isa/index.ts";
import {
  BPF_MAP_TYPE_ARRAY,
  CODE_TAG,
  HELPERS,
  KFUNCS,
  type Callee,
  type MapImage,
  type ParamKind,
  type ResultKind,
  type VmImage,
} from "../vm/index.ts";
import { REGISTERS, slotsOf, type Effects } from "./effects.ts";
import type { CallPlan, Signature } from "./emit-call.ts";
import { FramePointers } from "./frame-pointers.ts";
import { NODE_CODE, type Unit } from "./unit.ts";

type HostCallee = Pick<Callee, "params" | "result" | "signed" | "table">;

/** A function of the host a call goes to. */
export interface HostCall {
  readonly kind: "helper" | "kfunc" | "indirect";
  readonly field: string;
  readonly id: number;
  readonly name: string;
  readonly signature: Signature;
}

/** A call, before function indices are known. */
export interface CallFacts {
  readonly slot: number;
  /** First slot of the function called, or of the known callback. */
  readonly callee: number | undefined;
  readonly isLocal: boolean;
  /** It calls back a function that is not known here. */
  readonly unknownCallback: boolean;
  readonly host?: HostCall;
  /** It is bpf_loop. */
  readonly loop?: boolean;
  /** A function of the module's own runtime. */
  readonly runtime?: "iterNew" | "iterNext" | "iterDestroy";
  /** With `runtime`: where in the frame (from r10) the iterator lies, if that is known. */
  readonly iterator?: number;
  /** With `iterator`: the number it starts from, if that is known. */
  readonly start?: number | undefined;
  readonly signature?: Signature;
  readonly plan?: CallPlan;
}

/** True for the high word of a function reference. */
export function isFunctionReference(high: number): boolean {
  return high === CODE_TAG;
}

/** Parameter and result kinds of a host's callee. */
function signatureOfCallee({ params, result, signed }: HostCallee): Signature {
  return { params, result: result === "i32" && signed !== true ? "u32" : result };
}

/** Kinds of a planned call that has them. */
export function signatureOf(plan: CallPlan): { params: readonly ParamKind[]; result: ResultKind } {
  return "signature" in plan ? plan.signature : { params: [], result: "void" };
}

const RUNTIME_KFUNCS: Readonly<Record<string, "iterNew" | "iterNext" | "iterDestroy">> = {
  bpf_iter_num_new: "iterNew",
  bpf_iter_num_next: "iterNext",
  bpf_iter_num_destroy: "iterDestroy",
};

/** struct bpf_iter_num, the place of which is their r1: all that they write to. */
const ITERATOR_BYTES = 8;

/** Kfuncs that do nothing, and helpers with one answer: there is one CPU, and nothing to lock out. */
const CONSTANT_KFUNCS = new Set([
  "bpf_rcu_read_lock",
  "bpf_rcu_read_unlock",
  "bpf_preempt_disable",
  "bpf_preempt_enable",
]);
const CONSTANT_HELPERS = new Set([8, 42]);

const MAP_LOOKUP = 1;
const LOOP = 181;
const LOOP_PARAMS: readonly ParamKind[] = ["i32", "func", "i64", "i64"];

/** What registers are known to hold, as [low, high] words. */
type Known = (readonly [number, number] | undefined)[];

function helperCall(slot: number, id: number, known: Known, image: VmImage, own: HostCallee | undefined): CallFacts {
  const base = { slot, callee: undefined, isLocal: false, unknownCallback: false };
  const helper = HELPERS.get(id);
  if (own !== undefined) {
    return {
      ...base,
      host: { kind: "helper", field: `helper_${id}`, id, name: "", signature: signatureOfCallee(own) },
    };
  }
  if (helper === undefined) return { ...base, plan: { kind: "missing" } };
  if (CONSTANT_HELPERS.has(id)) return { ...base, plan: { kind: "constant", value: 0 } };
  if (id === MAP_LOOKUP) {
    const map = mapBehind(known[1], image.maps);
    if (map?.type === BPF_MAP_TYPE_ARRAY) return { ...base, plan: { kind: "array-lookup", map } };
  }
  if (id === LOOP) {
    const callback = known[2];
    const start =
      callback && isFunctionReference(callback[1]) && image.starts.includes(callback[0]) ? callback[0] : undefined;
    return {
      ...base,
      callee: start,
      unknownCallback: start === undefined,
      loop: true,
      signature: { params: LOOP_PARAMS, result: "i64" },
    };
  }
  const { name, params, result } = helper;
  return {
    ...base,
    unknownCallback: params.includes("func"),
    host: { kind: "helper", field: name, id, name, signature: { params, result } },
  };
}

function mapBehind(constant: readonly [number, number] | undefined, maps: readonly MapImage[]): MapImage | undefined {
  return constant?.[1] === 0 ? maps.find((map) => map.handle === constant[0]) : undefined;
}

function kfuncCall(
  slot: number,
  id: number,
  known: Known,
  frames: FramePointers,
  image: VmImage,
  options: OwnCallees,
): CallFacts {
  const base = { slot, callee: undefined, isLocal: false, unknownCallback: false };
  const name = image.kfuncs[id] ?? "";
  const own = options.kfuncs ?? {};
  if (Object.hasOwn(own, name)) {
    const { table } = own[name];
    const signature = signatureOfCallee(own[name]);
    if (table === undefined) return { ...base, host: { kind: "kfunc", field: name, id, name, signature } };
    const second = known[2]?.[0];
    const rows = second === undefined ? table : table.filter((row) => row.second === second >>> 0);
    return { ...base, plan: { kind: "table", rows, signature } };
  }
  const kfunc = KFUNCS.get(name);
  if (kfunc === undefined) return { ...base, plan: { kind: "missing" } };
  if (CONSTANT_KFUNCS.has(name)) return { ...base, plan: { kind: "constant", value: 0 } };
  const signature = { params: kfunc.params, result: kfunc.result };
  const runtime = RUNTIME_KFUNCS[name];
  if (runtime !== undefined) {
    const iterator = frames.of(1);
    return iterator === undefined
      ? { ...base, runtime, signature }
      : { ...base, runtime, iterator, start: known[2]?.[0], signature };
  }
  return { ...base, host: { kind: "kfunc", field: name, id, name, signature } };
}

/** The functions hosts add. */
export interface OwnCallees {
  readonly kfuncs?: Readonly<Record<string, HostCallee>>;
  readonly helpers?: Readonly<Record<number, HostCallee>>;
}

/** All calls of a unit. */
export function planCalls(unit: Unit, effects: Effects, image: VmImage, own: OwnCallees): CallFacts[] {
  const { insns, rows, writes } = effects;
  const calls: CallFacts[] = [];
  const known: Known = [];
  const frames = new FramePointers();
  const callAt = (slot: number): CallFacts => {
    const insn = insns[slot];
    const row = rows[slot]!;
    if (row.op === "callx") {
      const host: HostCall = {
        kind: "indirect",
        field: "callx",
        id: 0,
        name: "",
        signature: { params: [], result: "i64" },
      };
      return { slot, callee: undefined, isLocal: false, unknownCallback: true, host };
    }
    switch (callKind(insn)) {
      case "subprog":
        return { slot, callee: slot + 1 + insn.imm, isLocal: true, unknownCallback: false };
      case "kfunc":
        return kfuncCall(slot, insn.imm, known, frames, image, own);
      default:
        return helperCall(slot, insn.imm, known, image, own.helpers?.[insn.imm]);
    }
  };
  for (let node = 0; node < unit.kind.length; node++) {
    if (unit.kind[node] !== NODE_CODE) continue;
    known.length = 0;
    frames.startBlock();
    for (let slot = unit.first[node]; slot < unit.end[node]; slot += slotsOf(rows[slot])) {
      const row = rows[slot];
      if (row === undefined) continue;
      if (row.op === "call" || row.op === "callx") calls.push(callAt(slot));
      const { dst_reg, src_reg, imm } = insns[slot];
      let value: readonly [number, number] | undefined;
      if (row.op === "ld_imm64") value = [imm, insns[slot + 1].imm];
      else if (row.op === "mov" && row.source === "K") value = [imm, row.width === 64 && imm < 0 ? -1 : 0];
      else if (row.op === "mov" && row.width === 64 && row.source === "X") value = known[src_reg];
      const isIterator = callKind(insns[slot]) === "kfunc" && Object.hasOwn(RUNTIME_KFUNCS, image.kfuncs[imm] ?? "");
      frames.step(insns[slot], row, writes[slot], isIterator ? ITERATOR_BYTES : undefined);
      if (value !== undefined) known[dst_reg] = value;
      else for (let reg = 0; reg < REGISTERS; reg++) if (writes[slot] & (1 << reg)) known[reg] = undefined;
    }
  }
  return calls;
}
