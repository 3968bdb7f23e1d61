// The check before each access of unverified code, by the shadow of the memory (../vm/shadow.ts), which every change of the
// segment table keeps up to date. It is written out where the access is: a call, even one that is seldom made, would cost
// every register its place.

import { OP, type Expr } from "../../wasm/index.ts";
import { MAX_BPF_STACK } from "../isa/index.ts";
import { MEMORY_END, SHADOW_CLOSED, SHADOW_ROW_SIZE, SHADOW_ROWS, SHADOW_TABLE, SHADOW_WHOLE } from "../vm/index.ts";

/** Bits of a byte of the shadow that count bytes. */
const COUNT = 0x1f;

/** Pushes the place of an address's byte in the shadow, less SHADOW_ROWS. */
function shadowOf(code: Expr, address: () => void): void {
  address();
  code.i32(14);
  code.op(OP["i32.shr_u"]);
  code.i32(~3);
  code.op(OP["i32.and"]);
  code.memory(OP["i32.load"], SHADOW_TABLE);
  address();
  code.i32(3);
  code.op(OP["i32.shr_u"]);
  code.i32(SHADOW_ROW_SIZE - 1);
  code.op(OP["i32.and"]);
  code.op(OP["i32.add"]);
}

/**
 * Checks an access of `size` bytes, at most 8, at the address in local `wide` (i64), and leaves the address in local `at` (i32).
 * `fail` writes what does not return.
 */
export function writeAccessCheck(
  code: Expr,
  write: boolean,
  { wide, at }: { readonly wide: number; readonly at: number },
  size: () => void,
  fail: () => void,
): void {
  const good = code.block();
  const bad = code.block();
  code.get(wide);
  code.i64(MEMORY_END, 0);
  code.op(OP["i64.ge_u"]);
  code.brIf(bad);
  code.get(wide);
  code.op(OP["i32.wrap_i64"]);
  code.tee(at);
  code.i32(7);
  code.op(OP["i32.and"]);
  size();
  code.op(OP["i32.add"]);
  shadowOf(code, () => code.get(at));
  code.memory(write ? OP["i32.load8_s"] : OP["i32.load8_u"], SHADOW_ROWS);
  if (!write) {
    code.i32(COUNT);
    code.op(OP["i32.and"]);
  }
  code.op(OP["i32.le_s"]);
  code.brIf(good);
  code.end();
  fail();
  code.op(OP.unreachable);
  code.end();
}

/**
 * Calls a function of the program with its frame open: the one below the address in local `top`, which is the callee's r10.
 * `row` is a local of the caller's own.
 */
export function withFrame(code: Expr, top: number, row: number, call: () => void): void {
  const fill = (byte: number): void => {
    const word = Math.imul(byte, 0x01010101);
    for (let at = 0; at < MAX_BPF_STACK / 8; at += 16) {
      code.get(row);
      code.i64(word, word);
      code.splat64();
      code.store128(SHADOW_ROWS + at);
    }
  };
  code.get(top);
  code.i32(MAX_BPF_STACK);
  code.op(OP["i32.sub"]);
  code.set(row);
  shadowOf(code, () => code.get(row));
  code.set(row);
  fill(SHADOW_WHOLE);
  call();
  fill(SHADOW_CLOSED);
}
