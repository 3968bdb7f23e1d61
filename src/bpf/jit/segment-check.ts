// The segment check of unverified code in WebAssembly: what VmMemory.find() does, over the same table in linear memory.

import { I32, OP, type Expr, type WasmType } from "../../wasm/index.ts";
import {
  CONTROL_GENERATION,
  CONTROL_SEGMENT_COUNT,
  SEGMENT_END,
  SEGMENT_FLAGS,
  SEGMENT_SIZE,
  SEGMENT_START,
  SEGMENT_TABLE,
  SEGMENT_WRITABLE,
} from "../vm/index.ts";

/** Globals of the segment last hit, for reads and for writes: [start, end), i64. */
export interface CacheGlobals {
  readonly generation: number;
  readonly read: readonly [number, number];
  readonly write: readonly [number, number];
}

/** Where the stack lies. */
export interface Stack {
  readonly start: number;
  readonly end: number;
}

/**
 * (address i64, size i32, slot i32, lowest frame address i32) -> i32. First the segment of the last hit, kept in
 * globals until the table's generation changes and never the stack; then the frames of the stack in use, which begin at
 * `frameLow`; then `search`.
 */
export function writeSegmentCheck(
  code: Expr,
  write: boolean,
  cache: CacheGlobals,
  stack: Stack,
  search: number,
): readonly WasmType[] {
  const [address, size, slot, frameLow] = [0, 1, 2, 3];
  const { generation, read, write: written } = cache;
  const [start, end] = write ? written : read;
  code.i32(0);
  code.memory(OP["i32.load"], CONTROL_GENERATION);
  code.globalGet(generation);
  code.op(OP["i32.eq"]);
  code.get(address);
  code.globalGet(start);
  code.op(OP["i64.ge_u"]);
  code.op(OP["i32.and"]);
  code.get(address);
  code.globalGet(end);
  code.get(size);
  code.op(OP["i64.extend_i32_u"]);
  code.op(OP["i64.sub"]);
  code.op(OP["i64.le_u"]);
  code.op(OP["i32.and"]);
  code.if();
  code.get(address);
  code.op(OP["i32.wrap_i64"]);
  code.op(OP.return);
  code.end();
  code.get(address);
  code.get(frameLow);
  code.op(OP["i64.extend_i32_u"]);
  code.op(OP["i64.ge_u"]);
  code.get(address);
  code.i64(stack.end, 0);
  code.get(size);
  code.op(OP["i64.extend_i32_u"]);
  code.op(OP["i64.sub"]);
  code.op(OP["i64.le_u"]);
  code.op(OP["i32.and"]);
  code.if();
  code.get(address);
  code.op(OP["i32.wrap_i64"]);
  code.op(OP.return);
  code.end();
  code.get(address);
  code.get(size);
  code.get(slot);
  code.i32(write ? 1 : 0);
  code.get(frameLow);
  code.call(search);
  return [];
}

/**
 * (address i64, size i32, slot i32, write i32, lowest frame address i32) -> i32: binary search for the last segment that
 * starts at or below the address. `fail` writes what happens when the access is not inside it.
 */
export function writeFindSegment(code: Expr, cache: CacheGlobals, stack: Stack, fail: () => void): readonly WasmType[] {
  const [address, size, write, low, high, middle, row] = [0, 1, 3, 5, 6, 7, 8];
  const { generation, read, write: written } = cache;
  const rowOf = (index: number): void => {
    code.get(index);
    code.i32(SEGMENT_SIZE);
    code.op(OP["i32.mul"]);
  };
  const failed = code.block();
  code.get(address);
  code.i64(0, 1);
  code.op(OP["i64.ge_u"]);
  code.brIf(failed);
  // The stack beyond the frames in use is a segment to others, not to the program.
  code.get(address);
  code.i64(stack.start, 0);
  code.op(OP["i64.sub"]);
  code.i64(stack.end - stack.start, 0);
  code.op(OP["i64.lt_u"]);
  code.brIf(failed);
  // A change of the table makes both caches stale: empty ranges that no access lies in.
  code.i32(0);
  code.memory(OP["i32.load"], CONTROL_GENERATION);
  code.globalGet(generation);
  code.op(OP["i32.ne"]);
  code.if();
  for (const [start, end] of [read, written]) {
    code.i64(-1, -1);
    code.globalSet(start);
    code.i64(0, 1);
    code.globalSet(end);
  }
  code.i32(0);
  code.memory(OP["i32.load"], CONTROL_GENERATION);
  code.globalSet(generation);
  code.end();
  code.i32(0);
  code.memory(OP["i32.load"], CONTROL_SEGMENT_COUNT);
  code.set(high);
  const done = code.block();
  const again = code.loop();
  code.get(low);
  code.get(high);
  code.op(OP["i32.ge_u"]);
  code.brIf(done);
  code.get(low);
  code.get(high);
  code.op(OP["i32.add"]);
  code.i32(1);
  code.op(OP["i32.shr_u"]);
  code.tee(middle);
  code.i32(SEGMENT_SIZE);
  code.op(OP["i32.mul"]);
  code.memory(OP["i32.load"], SEGMENT_TABLE + SEGMENT_START);
  code.get(address);
  code.op(OP["i32.wrap_i64"]);
  code.op(OP["i32.le_u"]);
  code.if();
  code.get(middle);
  code.i32(1);
  code.op(OP["i32.add"]);
  code.set(low);
  code.else();
  code.get(middle);
  code.set(high);
  code.end();
  code.br(again);
  code.end();
  code.end();
  code.get(low);
  code.op(OP["i32.eqz"]);
  code.brIf(failed);
  code.get(low);
  code.i32(1);
  code.op(OP["i32.sub"]);
  code.set(low);
  rowOf(low);
  code.set(row);
  code.get(address);
  code.get(size);
  code.op(OP["i64.extend_i32_u"]);
  code.op(OP["i64.add"]);
  code.get(row);
  code.memory(OP["i64.load32_u"], SEGMENT_TABLE + SEGMENT_END);
  code.op(OP["i64.gt_u"]);
  code.brIf(failed);
  code.get(write);
  code.get(row);
  code.memory(OP["i32.load"], SEGMENT_TABLE + SEGMENT_FLAGS);
  code.i32(SEGMENT_WRITABLE);
  code.op(OP["i32.and"]);
  code.op(OP["i32.gt_u"]);
  code.brIf(failed);
  code.get(write);
  code.if();
  for (const [global, offset] of [
    [written[0], SEGMENT_START],
    [written[1], SEGMENT_END],
  ] as const) {
    code.get(row);
    code.memory(OP["i64.load32_u"], SEGMENT_TABLE + offset);
    code.globalSet(global);
  }
  code.else();
  for (const [global, offset] of [
    [read[0], SEGMENT_START],
    [read[1], SEGMENT_END],
  ] as const) {
    code.get(row);
    code.memory(OP["i64.load32_u"], SEGMENT_TABLE + offset);
    code.globalSet(global);
  }
  code.end();
  code.get(address);
  code.op(OP["i32.wrap_i64"]);
  code.op(OP.return);
  code.end();
  fail();
  return [I32, I32, I32, I32];
}
