// Machine code, written as rows of bytes, one for each instruction.

/** The bytes of all rows. */
export const codeOf = (rows: readonly (readonly number[])[]): Uint8Array => Uint8Array.from(rows.flat());

/** An operand of 32 bits, unsigned. */
export function imm32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}

/** An operand of 64 bits: an address. */
export function imm64(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value), true);
  return bytes;
}
