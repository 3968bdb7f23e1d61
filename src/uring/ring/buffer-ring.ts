// A ring of provided buffers (struct io_uring_buf_ring, IORING_REGISTER_PBUF_RING), in place. The tail shares its bytes with
// the `resv` member of the first entry. Left out: incremental consumption.

import { getField, setField } from "../../base/index.ts";
import { io_uring_buf, io_uring_buf_ring } from "../abi/index.ts";

/** The application's side of a buffer ring of `entries` (a power of two, at most 32768) at byte `offset` of `buffer`. */
export class BufferRing {
  readonly entries: number;
  readonly #view: DataView;
  readonly #tail: Uint16Array;
  #next: number;

  constructor(buffer: ArrayBufferLike, offset: number, entries: number) {
    this.entries = entries;
    this.#view = new DataView(buffer, offset, entries * io_uring_buf.size);
    this.#tail = new Uint16Array(buffer, offset + io_uring_buf_ring.fields.tail[0], 1);
    this.#next = this.tail;
  }

  /** The published tail, 16 bits, free-running. */
  get tail(): number {
    return Atomics.load(this.#tail, 0);
  }

  /** Puts a buffer into the ring; the kernel sees it after `commit()`. */
  add(addr: bigint | number, len: number, bid: number): void {
    const at = (this.#next & (this.entries - 1)) * io_uring_buf.size;
    setField(io_uring_buf, this.#view, at, "addr", addr);
    setField(io_uring_buf, this.#view, at, "len", len);
    setField(io_uring_buf, this.#view, at, "bid", bid);
    this.#next = (this.#next + 1) & 0xffff;
  }

  /** Publishes what was added. */
  commit(): void {
    Atomics.store(this.#tail, 0, this.#next);
  }

  /** The buffer at `index` (masked). */
  entry(index: number): { addr: bigint; len: number; bid: number } {
    const at = (index & (this.entries - 1)) * io_uring_buf.size;
    return {
      addr: BigInt(getField(io_uring_buf, this.#view, at, "addr")),
      len: Number(getField(io_uring_buf, this.#view, at, "len")),
      bid: Number(getField(io_uring_buf, this.#view, at, "bid")),
    };
  }
}
