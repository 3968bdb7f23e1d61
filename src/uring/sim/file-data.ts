// The bytes of a regular file in memory: in chunks that are there once something was written to them, so that a hole of
// any size costs nothing.

const CHUNK = 0x1_0000;
const LEAST = 64;

/** Grows as it is written to. What lies in a hole, or beyond what a chunk holds yet, reads as zero. */
export class FileData {
  #size = 0;
  /** By number; bytes behind the file's end are zero. */
  readonly #chunks = new Map<number, Uint8Array>();

  /** Bytes. */
  get size(): number {
    return this.#size;
  }

  /** Bytes of memory held. */
  get held(): number {
    let sum = 0;
    for (const chunk of this.#chunks.values()) sum += chunk.length;
    return sum;
  }

  /** Copies `count` bytes from `offset` on, all within the size, to `target` at `at`. */
  read(offset: number, target: Uint8Array, at: number, count: number): void {
    for (let done = 0; done < count;) {
      const start = (offset + done) % CHUNK;
      const some = Math.min(CHUNK - start, count - done);
      const chunk = this.#chunks.get(Math.floor((offset + done) / CHUNK));
      const there = chunk === undefined ? 0 : Math.max(0, Math.min(some, chunk.length - start));
      if (there > 0) target.set(chunk!.subarray(start, start + there), at + done);
      if (there < some) target.fill(0, at + done + there, at + done + some);
      done += some;
    }
  }

  /** Writes `source` at `offset`. */
  write(offset: number, source: Uint8Array): void {
    for (let done = 0; done < source.length;) {
      const start = (offset + done) % CHUNK;
      const some = Math.min(CHUNK - start, source.length - done);
      const chunk = this.#chunk(Math.floor((offset + done) / CHUNK), start + some);
      chunk.set(done === 0 && some === source.length ? source : source.subarray(done, done + some), start);
      done += some;
    }
    this.#size = Math.max(this.#size, offset + source.length);
  }

  /** ftruncate(2). */
  resize(size: number): void {
    if (size < this.#size) this.clear(size, this.#size);
    this.#size = size;
  }

  /** Makes [from, to) read as zero. */
  clear(from: number, to: number): void {
    for (const [number, chunk] of this.#chunks) {
      const base = number * CHUNK;
      if (from <= base && to >= base + chunk.length) this.#chunks.delete(number);
      else if (from < base + chunk.length && to > base)
        chunk.fill(0, Math.max(0, from - base), Math.min(CHUNK, to - base));
    }
  }

  #chunk(number: number, needed: number): Uint8Array {
    const old = this.#chunks.get(number);
    if (old !== undefined && old.length >= needed) return old;
    const size = Math.min(CHUNK, Math.max(needed, old === undefined ? 0 : old.length * 2, LEAST));
    const chunk = new Uint8Array(size);
    if (old !== undefined) chunk.set(old);
    this.#chunks.set(number, chunk);
    return chunk;
  }
}
