// Loads, stores and atomics (RFC 9669 section 5). In verified code an access is bare, and WebAssembly's own bounds are what
// remains; in checked code each is checked first (segment-check.ts).

import { ATOMIC, I32, I64, OP } from "../../wasm/index.ts";
import { MAX_BPF_STACK } from "../isa/index.ts";
import { MEMORY_WRITE, type FunctionContext, type Site } from "./context.ts";
import { writeAccessCheck } from "./segment-check.ts";
import { DEF_I32, DST_I32, R0_I32, SRC_I32 } from "./typing.ts";

const LOAD_32 = { 8: OP["i32.load8_u"], 16: OP["i32.load16_u"], 32: OP["i32.load"], 64: OP["i32.load"] } as const;
const LOAD_64 = { 8: OP["i64.load8_u"], 16: OP["i64.load16_u"], 32: OP["i64.load32_u"], 64: OP["i64.load"] } as const;
const LOAD_SIGNED_32 = {
  8: OP["i32.load8_s"],
  16: OP["i32.load16_s"],
  32: OP["i32.load"],
  64: OP["i32.load"],
} as const;
const LOAD_SIGNED_64 = {
  8: OP["i64.load8_s"],
  16: OP["i64.load16_s"],
  32: OP["i64.load32_s"],
  64: OP["i64.load"],
} as const;
const STORE_32 = { 8: OP["i32.store8"], 16: OP["i32.store16"], 32: OP["i32.store"], 64: OP["i64.store"] } as const;
const STORE_64 = { 8: OP["i64.store8"], 16: OP["i64.store16"], 32: OP["i64.store32"], 64: OP["i64.store"] } as const;

const ATOMIC_LOAD = {
  8: ATOMIC["i32.atomic.load8_u"],
  16: ATOMIC["i32.atomic.load16_u"],
  32: ATOMIC["i32.atomic.load"],
  64: ATOMIC["i64.atomic.load"],
} as const;
const ATOMIC_STORE = {
  8: ATOMIC["i32.atomic.store8"],
  16: ATOMIC["i32.atomic.store16"],
  32: ATOMIC["i32.atomic.store"],
  64: ATOMIC["i64.atomic.store"],
} as const;
/** log2 of the size. */
const ALIGN = { 8: 0, 16: 1, 32: 2, 64: 3 } as const;

/** [i32, i64] of the read-modify-write atomics. */
const RMW: Readonly<Record<string, readonly [number, number]>> = {
  atomic_add: [ATOMIC["i32.atomic.rmw.add"], ATOMIC["i64.atomic.rmw.add"]],
  atomic_or: [ATOMIC["i32.atomic.rmw.or"], ATOMIC["i64.atomic.rmw.or"]],
  atomic_and: [ATOMIC["i32.atomic.rmw.and"], ATOMIC["i64.atomic.rmw.and"]],
  atomic_xor: [ATOMIC["i32.atomic.rmw.xor"], ATOMIC["i64.atomic.rmw.xor"]],
  fetch_add: [ATOMIC["i32.atomic.rmw.add"], ATOMIC["i64.atomic.rmw.add"]],
  fetch_or: [ATOMIC["i32.atomic.rmw.or"], ATOMIC["i64.atomic.rmw.or"]],
  fetch_and: [ATOMIC["i32.atomic.rmw.and"], ATOMIC["i64.atomic.rmw.and"]],
  fetch_xor: [ATOMIC["i32.atomic.rmw.xor"], ATOMIC["i64.atomic.rmw.xor"]],
  xchg: [ATOMIC["i32.atomic.rmw.xchg"], ATOMIC["i64.atomic.rmw.xchg"]],
  cmpxchg: [ATOMIC["i32.atomic.rmw.cmpxchg"], ATOMIC["i64.atomic.rmw.cmpxchg"]],
};

// Pushes the address as i32 and gives the constant offset still to be added. The lowest segment lies above 64 KiB, so a base
// that is below its segment by a constant offset is not negative, and adding the offset back cannot pass 4 GiB.
function address(
  context: FunctionContext,
  { slot, row, insn }: Site,
  reg: number,
  isI32: boolean,
  write: boolean,
): number {
  const { expr } = context;
  const { off } = insn;
  const bytes = row.width / 8;
  const inFrame = reg === 10 && off >= -MAX_BPF_STACK && off + bytes <= 0;
  if (context.checked && !inFrame) {
    context.get64(reg, isI32);
    if (off !== 0) {
      expr.i64(off, off >> 31);
      expr.op(OP["i64.add"]);
    }
    const place = { wide: context.temp(I64, "address"), at: context.temp(I32, "address") };
    expr.set(place.wide);
    const fail = (): void => {
      expr.get(place.wide);
      for (const fact of [bytes, slot, write ? MEMORY_WRITE : 0]) expr.i32(fact);
      expr.get(context.frameLow);
      context.mark(slot);
      expr.call(context.runtime.badAccess);
    };
    writeAccessCheck(expr, write, place, () => expr.i32(bytes), fail);
    expr.get(place.at);
    return 0;
  }
  if (inFrame) {
    expr.get(context.frameLow);
    return MAX_BPF_STACK + off;
  }
  context.get32(reg, isI32);
  if (off >= 0) return off;
  expr.i32(off);
  expr.op(OP["i32.add"]);
  return 0;
}

function load(context: FunctionContext, site: Site): void {
  const { row, insn, bits } = site;
  const toI32 = (bits & DEF_I32) !== 0;
  const offset = address(context, site, insn.src_reg, (bits & SRC_I32) !== 0, false);
  const table = row.op === "ldsx" ? (toI32 ? LOAD_SIGNED_32 : LOAD_SIGNED_64) : toI32 ? LOAD_32 : LOAD_64;
  context.mark(site.slot);
  context.expr.memory(table[row.width], offset);
  context.expr.set(toI32 ? context.narrow(insn.dst_reg) : context.wide(insn.dst_reg));
}

function store(context: FunctionContext, site: Site): void {
  const { row, insn, bits } = site;
  const offset = address(context, site, insn.dst_reg, (bits & DST_I32) !== 0, true);
  let table: Readonly<Record<8 | 16 | 32 | 64, number>> = STORE_32;
  if (row.op === "st") context.immediate(row.width === 64, insn.imm);
  else if (row.width === 64) context.get64(insn.src_reg, (bits & SRC_I32) !== 0);
  else if (insn.src_reg === 10 || bits & SRC_I32) context.get32(insn.src_reg, true);
  else {
    context.get64(insn.src_reg, false);
    table = STORE_64;
  }
  context.mark(site.slot);
  context.expr.memory(table[row.width], offset);
}

// The same for an atomic, whose address must be aligned: WebAssembly traps otherwise, which says less than a fault.
function atomicAddress(context: FunctionContext, site: Site, reg: number, isI32: boolean, write: boolean): number {
  const offset = address(context, site, reg, isI32, write);
  if (!context.checked) return offset;
  const { expr } = context;
  if (offset !== 0) {
    expr.i32(offset);
    expr.op(OP["i32.add"]);
  }
  expr.i32(site.row.width / 8);
  expr.i32(write ? MEMORY_WRITE : 0);
  expr.i32(site.slot);
  expr.call(context.runtime.aligned);
  return 0;
}

function atomicLoad(context: FunctionContext, site: Site): void {
  const { row, insn, bits } = site;
  const offset = atomicAddress(context, site, insn.src_reg, (bits & SRC_I32) !== 0, false);
  context.mark(site.slot);
  context.expr.atomic(ATOMIC_LOAD[row.width], ALIGN[row.width], offset);
  context.set(row.width === 64, insn.dst_reg, (bits & DEF_I32) !== 0);
}

function atomicStore(context: FunctionContext, site: Site): void {
  const { row, insn, bits } = site;
  const offset = atomicAddress(context, site, insn.dst_reg, (bits & DST_I32) !== 0, true);
  context.get(row.width === 64, insn.src_reg, (bits & SRC_I32) !== 0);
  context.mark(site.slot);
  context.expr.atomic(ATOMIC_STORE[row.width], ALIGN[row.width], offset);
}

function readModifyWrite(context: FunctionContext, site: Site): void {
  const { row, insn, bits } = site;
  const wide = row.width === 64;
  const offset = atomicAddress(context, site, insn.dst_reg, (bits & DST_I32) !== 0, true);
  if (row.op === "cmpxchg") context.get(wide, 0, (bits & R0_I32) !== 0);
  context.get(wide, insn.src_reg, (bits & SRC_I32) !== 0);
  context.mark(site.slot);
  context.expr.atomic(RMW[row.op][wide ? 1 : 0], ALIGN[row.width], offset);
  const result = row.op === "cmpxchg" ? 0 : row.writes === "src_reg" ? insn.src_reg : -1;
  if (result === -1) context.expr.op(OP.drop);
  else context.set(wide, result, (bits & DEF_I32) !== 0);
}

/** Writes two stores of r`src_reg`, the lower at `off` from r`dst_reg`, in bare code. */
export function emitStorePair(context: FunctionContext, site: Site, off: number): void {
  const { expr } = context;
  const { insn, bits } = site;
  const offset = address(context, { ...site, insn: { ...insn, off } }, insn.dst_reg, (bits & DST_I32) !== 0, true);
  context.get64(insn.src_reg, (bits & SRC_I32) !== 0);
  expr.splat64();
  context.mark(site.slot);
  expr.store128(offset);
}

/** Writes an instruction of class LDX, ST or STX. */
export function emitMemory(context: FunctionContext, site: Site): void {
  switch (site.row.op) {
    case "ldx":
    case "ldsx":
      return load(context, site);
    case "st":
    case "stx":
      return store(context, site);
    case "load_acquire":
      return atomicLoad(context, site);
    case "store_release":
      return atomicStore(context, site);
    default:
      return readModifyWrite(context, site);
  }
}

/** Writes a 16-byte load of the constant with these halves. */
export function emitConstant(context: FunctionContext, { insn, bits }: Site, high: number): void {
  if (bits & DEF_I32) {
    context.expr.i32(insn.imm);
    context.expr.set(context.narrow(insn.dst_reg));
  } else {
    context.expr.i64(insn.imm, high);
    context.expr.set(context.wide(insn.dst_reg));
  }
}
