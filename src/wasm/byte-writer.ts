// A growable byte buffer with the variable-length integers of WebAssembly (LEB128, core spec 5.2.2). 64-bit constants are
// given as two 32-bit halves so that the hot path of a compiler allocates no BigInt.

const UTF8 = new TextEncoder();

/** Appends bytes and LEB128 integers; grows by doubling. */
export class ByteWriter {
  #bytes: Uint8Array<ArrayBuffer>;
  #length = 0;

  constructor(capacity = 256) {
    this.#bytes = new Uint8Array(capacity);
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#length;
  }

  #grow(need: number): void {
    const bytes = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + need));
    bytes.set(this.#bytes);
    this.#bytes = bytes;
  }

  /** One byte. */
  u8(value: number): void {
    if (this.#length === this.#bytes.length) this.#grow(1);
    this.#bytes[this.#length++] = value;
  }

  /** Unsigned LEB128 of 0..2^32-1. */
  u32(value: number): void {
    if (this.#length + 5 > this.#bytes.length) this.#grow(5);
    let rest = value >>> 0;
    while (rest > 0x7f) {
      this.#bytes[this.#length++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.#bytes[this.#length++] = rest;
  }

  /** Signed LEB128 of an int32. */
  s32(value: number): void {
    if (this.#length + 5 > this.#bytes.length) this.#grow(5);
    let rest = value | 0;
    while (rest < -64 || rest > 63) {
      this.#bytes[this.#length++] = (rest & 0x7f) | 0x80;
      rest >>= 7;
    }
    this.#bytes[this.#length++] = rest & 0x7f;
  }

  /** Signed LEB128 of the 64-bit integer with these halves (each an int32 or uint32). */
  s64(low: number, high: number): void {
    let lo = low | 0;
    let hi = high | 0;
    if (lo >> 31 === hi) return this.s32(lo);
    if (this.#length + 10 > this.#bytes.length) this.#grow(10);
    while (!((hi === 0 && lo >= 0 && lo < 64) || (hi === -1 && lo < 0 && lo >= -64))) {
      this.#bytes[this.#length++] = (lo & 0x7f) | 0x80;
      lo = (lo >>> 7) | (hi << 25);
      hi >>= 7;
    }
    this.#bytes[this.#length++] = lo & 0x7f;
  }

  /** The bytes as they are. */
  bytes(bytes: Uint8Array): void {
    if (this.#length + bytes.length > this.#bytes.length) this.#grow(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** A vector of bytes holding UTF-8, as names are written. */
  name(text: string): void {
    const bytes = UTF8.encode(text);
    this.u32(bytes.length);
    this.bytes(bytes);
  }

  /** A view of what was written; valid until the next write. */
  view(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length);
  }
}
