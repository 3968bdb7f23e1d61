// Writes instructions straight into a byte buffer (core spec 5.4): one call per instruction, no objects in between.
// Structured control keeps a depth, so that a branch can be given as the depth of its label.

import { ByteWriter } from "./byte-writer.ts";
import { ATOMIC_PREFIX, MISC, MISC_PREFIX, OP, SIMD, SIMD_PREFIX, VOID } from "./opcodes.ts";

/** An expression being written. Labels are absolute depths: what `block()` and its like return. */
export class Expr {
  readonly #out: ByteWriter;
  #depth = 0;

  constructor(capacity = 1024) {
    this.#out = new ByteWriter(capacity);
  }

  /** Bytes so far: the offset of the next instruction. */
  get offset(): number {
    return this.#out.length;
  }

  /** Open structured instructions. */
  get depth(): number {
    return this.#depth;
  }

  /** An instruction without immediates. */
  op(code: number): void {
    this.#out.u8(code);
  }

  i32(value: number): void {
    this.#out.u8(OP["i32.const"]);
    this.#out.s32(value);
  }

  /** The 64-bit constant with these halves. */
  i64(low: number, high: number): void {
    this.#out.u8(OP["i64.const"]);
    this.#out.s64(low, high);
  }

  get(local: number): void {
    this.#out.u8(OP["local.get"]);
    this.#out.u32(local);
  }

  set(local: number): void {
    this.#out.u8(OP["local.set"]);
    this.#out.u32(local);
  }

  tee(local: number): void {
    this.#out.u8(OP["local.tee"]);
    this.#out.u32(local);
  }

  globalGet(index: number): void {
    this.#out.u8(OP["global.get"]);
    this.#out.u32(index);
  }

  globalSet(index: number): void {
    this.#out.u8(OP["global.set"]);
    this.#out.u32(index);
  }

  /** A plain load or store; alignment is a hint, given as 1 byte because BPF promises none. */
  memory(code: number, offset: number): void {
    this.#out.u8(code);
    this.#out.u8(0);
    this.#out.u32(offset);
  }

  /** Makes an i64 both halves of a vector. */
  splat64(): void {
    this.#out.u8(SIMD_PREFIX);
    this.#out.u32(SIMD["i64x2.splat"]);
  }

  /** A plain store of a vector, alignment as for `memory`. */
  store128(offset: number): void {
    this.#out.u8(SIMD_PREFIX);
    this.#out.u32(SIMD["v128.store"]);
    this.#out.u8(0);
    this.#out.u32(offset);
  }

  /** An atomic access of 2^`log2` bytes, which must be its natural size. */
  atomic(code: number, log2: number, offset: number): void {
    this.#out.u8(ATOMIC_PREFIX);
    this.#out.u32(code);
    this.#out.u8(log2);
    this.#out.u32(offset);
  }

  /** `atomic.fence`. */
  fence(): void {
    this.#out.u8(ATOMIC_PREFIX);
    this.#out.u8(0x03);
    this.#out.u8(0x00);
  }

  memoryCopy(): void {
    this.#out.u8(MISC_PREFIX);
    this.#out.u32(MISC["memory.copy"]);
    this.#out.u8(0);
    this.#out.u8(0);
  }

  memoryFill(): void {
    this.#out.u8(MISC_PREFIX);
    this.#out.u32(MISC["memory.fill"]);
    this.#out.u8(0);
  }

  call(index: number): void {
    this.#out.u8(OP.call);
    this.#out.u32(index);
  }

  block(type: number = VOID): number {
    return this.#open(OP.block, type);
  }

  loop(type: number = VOID): number {
    return this.#open(OP.loop, type);
  }

  if(type: number = VOID): number {
    return this.#open(OP.if, type);
  }

  #open(code: number, type: number): number {
    this.#out.u8(code);
    this.#out.u8(type);
    return ++this.#depth;
  }

  else(): void {
    this.#out.u8(OP.else);
  }

  end(): void {
    this.#depth--;
    this.#out.u8(OP.end);
  }

  br(label: number): void {
    this.#out.u8(OP.br);
    this.#out.u32(this.#depth - label);
  }

  brIf(label: number): void {
    this.#out.u8(OP.br_if);
    this.#out.u32(this.#depth - label);
  }

  /** Jumps to `labels[operand]`, or to the last label when the operand is too great. */
  brTable(labels: readonly number[]): void {
    this.#out.u8(OP.br_table);
    this.#out.u32(labels.length - 1);
    for (const label of labels) this.#out.u32(this.#depth - label);
  }

  /** The code with the function's final `end`. */
  finish(): Uint8Array<ArrayBuffer> {
    if (this.#depth !== 0) throw new RangeError(`${this.#depth} blocks are still open`);
    this.#out.u8(OP.end);
    return this.#out.view().slice();
  }
}
