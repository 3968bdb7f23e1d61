// Instruction codes of WebAssembly by their text name: core 2.0 without vectors and references, and the atomics of the
// threads proposal. One table serves the builder, which writes codes, and the printer, which reads them.

/** One-byte instructions. */
export const OP = {
  unreachable: 0x00,
  nop: 0x01,
  block: 0x02,
  loop: 0x03,
  if: 0x04,
  else: 0x05,
  end: 0x0b,
  br: 0x0c,
  br_if: 0x0d,
  br_table: 0x0e,
  return: 0x0f,
  call: 0x10,
  call_indirect: 0x11,
  drop: 0x1a,
  select: 0x1b,
  "local.get": 0x20,
  "local.set": 0x21,
  "local.tee": 0x22,
  "global.get": 0x23,
  "global.set": 0x24,
  "i32.load": 0x28,
  "i64.load": 0x29,
  "f32.load": 0x2a,
  "f64.load": 0x2b,
  "i32.load8_s": 0x2c,
  "i32.load8_u": 0x2d,
  "i32.load16_s": 0x2e,
  "i32.load16_u": 0x2f,
  "i64.load8_s": 0x30,
  "i64.load8_u": 0x31,
  "i64.load16_s": 0x32,
  "i64.load16_u": 0x33,
  "i64.load32_s": 0x34,
  "i64.load32_u": 0x35,
  "i32.store": 0x36,
  "i64.store": 0x37,
  "f32.store": 0x38,
  "f64.store": 0x39,
  "i32.store8": 0x3a,
  "i32.store16": 0x3b,
  "i64.store8": 0x3c,
  "i64.store16": 0x3d,
  "i64.store32": 0x3e,
  "memory.size": 0x3f,
  "memory.grow": 0x40,
  "i32.const": 0x41,
  "i64.const": 0x42,
  "i32.eqz": 0x45,
  "i32.eq": 0x46,
  "i32.ne": 0x47,
  "i32.lt_s": 0x48,
  "i32.lt_u": 0x49,
  "i32.gt_s": 0x4a,
  "i32.gt_u": 0x4b,
  "i32.le_s": 0x4c,
  "i32.le_u": 0x4d,
  "i32.ge_s": 0x4e,
  "i32.ge_u": 0x4f,
  "i64.eqz": 0x50,
  "i64.eq": 0x51,
  "i64.ne": 0x52,
  "i64.lt_s": 0x53,
  "i64.lt_u": 0x54,
  "i64.gt_s": 0x55,
  "i64.gt_u": 0x56,
  "i64.le_s": 0x57,
  "i64.le_u": 0x58,
  "i64.ge_s": 0x59,
  "i64.ge_u": 0x5a,
  "i32.clz": 0x67,
  "i32.ctz": 0x68,
  "i32.popcnt": 0x69,
  "i32.add": 0x6a,
  "i32.sub": 0x6b,
  "i32.mul": 0x6c,
  "i32.div_s": 0x6d,
  "i32.div_u": 0x6e,
  "i32.rem_s": 0x6f,
  "i32.rem_u": 0x70,
  "i32.and": 0x71,
  "i32.or": 0x72,
  "i32.xor": 0x73,
  "i32.shl": 0x74,
  "i32.shr_s": 0x75,
  "i32.shr_u": 0x76,
  "i32.rotl": 0x77,
  "i32.rotr": 0x78,
  "i64.clz": 0x79,
  "i64.ctz": 0x7a,
  "i64.popcnt": 0x7b,
  "i64.add": 0x7c,
  "i64.sub": 0x7d,
  "i64.mul": 0x7e,
  "i64.div_s": 0x7f,
  "i64.div_u": 0x80,
  "i64.rem_s": 0x81,
  "i64.rem_u": 0x82,
  "i64.and": 0x83,
  "i64.or": 0x84,
  "i64.xor": 0x85,
  "i64.shl": 0x86,
  "i64.shr_s": 0x87,
  "i64.shr_u": 0x88,
  "i64.rotl": 0x89,
  "i64.rotr": 0x8a,
  "i32.wrap_i64": 0xa7,
  "i64.extend_i32_s": 0xac,
  "i64.extend_i32_u": 0xad,
  "f64.convert_i64_u": 0xba,
  "i32.extend8_s": 0xc0,
  "i32.extend16_s": 0xc1,
  "i64.extend8_s": 0xc2,
  "i64.extend16_s": 0xc3,
  "i64.extend32_s": 0xc4,
} as const;

/** First byte of the two tables below. */
export const MISC_PREFIX = 0xfc;
export const SIMD_PREFIX = 0xfd;
export const ATOMIC_PREFIX = 0xfe;

/** Bulk memory instructions, after MISC_PREFIX. */
export const MISC = { "memory.copy": 0x0a, "memory.fill": 0x0b } as const;

/** Vectors, after SIMD_PREFIX. */
export const SIMD = { "v128.store": 0x0b, "i64x2.splat": 0x12 } as const;

/** Atomics, after ATOMIC_PREFIX. */
export const ATOMIC = {
  "memory.atomic.notify": 0x00,
  "memory.atomic.wait32": 0x01,
  "memory.atomic.wait64": 0x02,
  "atomic.fence": 0x03,
  "i32.atomic.load": 0x10,
  "i64.atomic.load": 0x11,
  "i32.atomic.load8_u": 0x12,
  "i32.atomic.load16_u": 0x13,
  "i64.atomic.load8_u": 0x14,
  "i64.atomic.load16_u": 0x15,
  "i64.atomic.load32_u": 0x16,
  "i32.atomic.store": 0x17,
  "i64.atomic.store": 0x18,
  "i32.atomic.store8": 0x19,
  "i32.atomic.store16": 0x1a,
  "i64.atomic.store8": 0x1b,
  "i64.atomic.store16": 0x1c,
  "i64.atomic.store32": 0x1d,
  "i32.atomic.rmw.add": 0x1e,
  "i64.atomic.rmw.add": 0x1f,
  "i64.atomic.rmw32.add_u": 0x24,
  "i32.atomic.rmw.sub": 0x25,
  "i64.atomic.rmw.sub": 0x26,
  "i64.atomic.rmw32.sub_u": 0x2b,
  "i32.atomic.rmw.and": 0x2c,
  "i64.atomic.rmw.and": 0x2d,
  "i64.atomic.rmw32.and_u": 0x32,
  "i32.atomic.rmw.or": 0x33,
  "i64.atomic.rmw.or": 0x34,
  "i64.atomic.rmw32.or_u": 0x39,
  "i32.atomic.rmw.xor": 0x3a,
  "i64.atomic.rmw.xor": 0x3b,
  "i64.atomic.rmw32.xor_u": 0x40,
  "i32.atomic.rmw.xchg": 0x41,
  "i64.atomic.rmw.xchg": 0x42,
  "i64.atomic.rmw32.xchg_u": 0x47,
  "i32.atomic.rmw.cmpxchg": 0x48,
  "i64.atomic.rmw.cmpxchg": 0x49,
  "i64.atomic.rmw32.cmpxchg_u": 0x4e,
} as const;

/** Value types in binary form, and the empty block type. */
export const I32 = 0x7f;
export const I64 = 0x7e;
export const F64 = 0x7c;
const FUNCREF = 0x70;
export const VOID = 0x40;

/** A number type of this writer. */
export type WasmType = typeof I32 | typeof I64 | typeof F64;

const TYPE_NAMES = new Map<number, string>([
  [I32, "i32"],
  [I64, "i64"],
  [F64, "f64"],
  [FUNCREF, "funcref"],
]);

/** `i32`, `i64` and the like, for text. */
export function typeName(type: number): string {
  return TYPE_NAMES.get(type) ?? `0x${type.toString(16)}`;
}
