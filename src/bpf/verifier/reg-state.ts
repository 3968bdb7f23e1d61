// What the verifier knows of one register or stack slot: a type (enum bpf_reg_type and enum bpf_type_flag of
// include/linux/bpf.h at v7.2, with numbers of our own) and a range. Immutable once stored in a frame: states share them.

import type { Btf } from "../btf/index.ts";
import { constRange, type Range, rangeEqual, UNKNOWN, ZERO_RANGE } from "./bounds.ts";
import type { MapInfo } from "./maps.ts";
import { isZero, type U64 } from "./u64.ts";

export const NOT_INIT = 0;
export const SCALAR_VALUE = 1;
export const PTR_TO_CTX = 2;
export const CONST_PTR_TO_MAP = 3;
export const PTR_TO_MAP_VALUE = 4;
export const PTR_TO_MAP_KEY = 5;
export const PTR_TO_STACK = 6;
export const PTR_TO_BTF_ID = 7;
export const PTR_TO_MEM = 8;
export const PTR_TO_FUNC = 9;
export const CONST_PTR_TO_DYNPTR = 10;
export const PTR_TO_SOCK_COMMON = 11;
export const PTR_TO_ARENA = 12;

export const PTR_MAYBE_NULL: number = 1 << 8;
export const MEM_RDONLY: number = 1 << 9;
export const MEM_RINGBUF: number = 1 << 10;
export const MEM_USER: number = 1 << 11;
export const MEM_PERCPU: number = 1 << 12;
export const MEM_RCU: number = 1 << 13;
export const PTR_UNTRUSTED: number = 1 << 14;
export const PTR_TRUSTED: number = 1 << 15;
export const MEM_ALLOC: number = 1 << 16;
export const NON_OWN_REF: number = 1 << 17;

const BASE_MASK = 0xff;

/** Kinds of dynptr; `num` of a dynptr register or slot. */
export const DYNPTR_LOCAL = 1;
export const DYNPTR_RINGBUF = 2;

/** An iterator's `state`. */
export const ITER_ACTIVE = 1;
export const ITER_DRAINED = 2;

/** In a scalar's id: it is the base plus `delta`, added in 64 or in 32 bits. */
export const ADD_CONST64 = 0x4000_0000;
export const ADD_CONST32 = 0x2000_0000;
export const ADD_CONST = 0x6000_0000;

export function baseType(type: number): number {
  return type & BASE_MASK;
}

function typeFlags(type: number): number {
  return type & ~BASE_MASK;
}

export function mayBeNull(type: number): boolean {
  return (type & PTR_MAYBE_NULL) !== 0;
}

/** One register. Which of the last six fields mean something depends on the type. */
export class Reg {
  type: number;
  range: Range;
  /** Groups registers that share a value, a null check, or an acquired object; 0 for none. */
  id = 0;
  /** The object this pointer goes invalid with. */
  parent_id = 0;
  /** Scalars: the constant of a linked register. */
  delta = 0;
  /** PTR_TO_STACK: whose stack. */
  frameno = 0;
  /** Map pointers, values and keys. */
  map: MapInfo | undefined = undefined;
  /** PTR_TO_BTF_ID and iterators: with `num` the type's id. */
  btf: Btf | undefined = undefined;
  /** BTF id, memory size, map uid, dynptr kind, subprogram. */
  num = 0;
  /** Iterators: ITER_*; dynptrs: 1 for the first of the two slots. */
  state = 0;
  /** Iterators: how often it was advanced on this path. */
  depth = 0;

  constructor(type: number, range: Range) {
    this.type = type;
    this.range = range;
  }
}

export const UNINIT: Reg = new Reg(NOT_INIT, UNKNOWN);
export const UNKNOWN_SCALAR: Reg = new Reg(SCALAR_VALUE, UNKNOWN);
export const ZERO_SCALAR: Reg = new Reg(SCALAR_VALUE, ZERO_RANGE);

/** A copy that may be changed until it is stored. */
export function cloneReg(reg: Reg): Reg {
  const copy = new Reg(reg.type, reg.range);
  copy.id = reg.id;
  copy.parent_id = reg.parent_id;
  copy.delta = reg.delta;
  copy.frameno = reg.frameno;
  copy.map = reg.map;
  copy.btf = reg.btf;
  copy.num = reg.num;
  copy.state = reg.state;
  copy.depth = reg.depth;
  return copy;
}

/** `R0`..: registers as messages name them. */
export const REG_NAMES: readonly string[] = Array.from({ length: 16 }, (_, index) => `R${index}`);

/** A scalar without id. */
export function scalar(range: Range): Reg {
  return range === UNKNOWN ? UNKNOWN_SCALAR : new Reg(SCALAR_VALUE, range);
}

export function knownScalar(value: U64): Reg {
  return isZero(value) ? ZERO_SCALAR : new Reg(SCALAR_VALUE, constRange(value));
}

/** A pointer at offset 0 of its object. */
export function pointer(type: number): Reg {
  return new Reg(type, ZERO_RANGE);
}

export function withRange(reg: Reg, range: Range): Reg {
  if (range === reg.range) return reg;
  const copy = cloneReg(reg);
  copy.range = range;
  return copy;
}

export function withType(reg: Reg, type: number): Reg {
  const copy = cloneReg(reg);
  copy.type = type;
  return copy;
}

export function withId(reg: Reg, id: number): Reg {
  const copy = cloneReg(reg);
  copy.id = id;
  return copy;
}

/** Without links to other scalars. */
export function unlinked(reg: Reg): Reg {
  if (reg.id === 0 && reg.delta === 0) return reg;
  const copy = cloneReg(reg);
  copy.id = 0;
  copy.delta = 0;
  return copy;
}

export function isNull(reg: Reg): boolean {
  return reg.type === SCALAR_VALUE && reg.range.isConst && isZero(reg.range.value);
}

/** All that the pointer points to is the same: everything but ids, frame and range. */
export function sameReferent(a: Reg, b: Reg): boolean {
  return (
    a.type === b.type &&
    a.delta === b.delta &&
    a.map === b.map &&
    a.btf === b.btf &&
    a.num === b.num &&
    a.state === b.state &&
    a.depth === b.depth
  );
}

/** Equal but for ids and frame. */
export function sameButIds(a: Reg, b: Reg): boolean {
  return a === b || (sameReferent(a, b) && rangeEqual(a.range, b.range));
}

const TYPE_NAMES: Readonly<Record<number, string>> = {
  [NOT_INIT]: "?",
  [SCALAR_VALUE]: "scalar",
  [PTR_TO_CTX]: "ctx",
  [CONST_PTR_TO_MAP]: "map_ptr",
  [PTR_TO_MAP_VALUE]: "map_value",
  [PTR_TO_MAP_KEY]: "map_key",
  [PTR_TO_STACK]: "fp",
  [PTR_TO_BTF_ID]: "ptr_",
  [PTR_TO_MEM]: "mem",
  [PTR_TO_FUNC]: "func",
  [CONST_PTR_TO_DYNPTR]: "dynptr_ptr",
  [PTR_TO_SOCK_COMMON]: "sock_common",
  [PTR_TO_ARENA]: "arena",
};

const PREFIXES: readonly (readonly [number, string])[] = [
  [MEM_RDONLY, "rdonly_"],
  [MEM_RINGBUF, "ringbuf_"],
  [MEM_USER, "user_"],
  [MEM_PERCPU, "percpu_"],
  [MEM_RCU, "rcu_"],
  [PTR_UNTRUSTED, "untrusted_"],
  [PTR_TRUSTED, "trusted_"],
];

/** The type as the kernel's log spells it, e.g. `trusted_ptr_`, `mem_or_null`. */
export function typeName(type: number): string {
  const prefix = PREFIXES.filter(([flag]) => type & flag)
    .map(([, text]) => text)
    .join("");
  const base = baseType(type);
  const suffix = !mayBeNull(type) ? "" : base === PTR_TO_BTF_ID ? "or_null_" : "_or_null";
  return `${prefix}${TYPE_NAMES[base] ?? "?"}${suffix}`;
}

export function isAllocObject(type: number): boolean {
  return baseType(type) === PTR_TO_BTF_ID && (type & MEM_ALLOC) !== 0 && (type & PTR_UNTRUSTED) === 0;
}

export function isNonOwning(type: number): boolean {
  return isAllocObject(type) && (type & NON_OWN_REF) !== 0;
}

/** Modifiers that make a pointer one which may not be handed on as it is. */
export function hasUnsafeModifiers(type: number): boolean {
  return (typeFlags(type) & ~(MEM_ALLOC | PTR_TRUSTED | NON_OWN_REF)) !== 0;
}
