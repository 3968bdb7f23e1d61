// The application's side of a completion queue, in place. Indices are the free-running 32-bit ones of the ABI; CQEs are read
// by index without copying. Knows CQE32 and CQE_MIXED (where a large CQE takes two slots and IORING_CQE_F_SKIP fills a gap).

import { IORING_CQE_F, IORING_SETUP, type RingParams } from "../abi/index.ts";
import type { RingPlace } from "./submission-queue.ts";

/** A CQE, copied out. */
export interface Cqe {
  readonly user_data: bigint;
  readonly res: number;
  readonly flags: number;
  /** The second half of a 32-byte CQE. */
  readonly big_cqe?: readonly [bigint, bigint];
}

/** A completion queue in `buffer`. */
export class CompletionQueue {
  readonly entries: number;
  readonly mask: number;
  readonly cqeSize: 16 | 32;
  readonly mixed: boolean;
  readonly #words: Uint32Array;
  readonly #view: DataView;
  readonly #cqes: number;
  readonly #head: number;
  readonly #tail: number;
  readonly #flags: number;
  readonly #overflow: number;

  constructor(buffer: ArrayBufferLike, place: Pick<RingPlace, "rings">, params: RingParams) {
    const { cq_off } = params;
    this.entries = params.cq_entries;
    this.mask = params.cq_entries - 1;
    this.cqeSize = params.flags & IORING_SETUP.IORING_SETUP_CQE32 ? 32 : 16;
    this.mixed = (params.flags & IORING_SETUP.IORING_SETUP_CQE_MIXED) !== 0;
    this.#words = new Uint32Array(buffer);
    this.#view = new DataView(buffer);
    this.#cqes = place.rings + cq_off.cqes;
    this.#head = (place.rings + cq_off.head) >>> 2;
    this.#tail = (place.rings + cq_off.tail) >>> 2;
    this.#flags = (place.rings + cq_off.flags) >>> 2;
    this.#overflow = (place.rings + cq_off.overflow) >>> 2;
  }

  /** Index of the oldest CQE not yet consumed; the application's to write. */
  get head(): number {
    return Atomics.load(this.#words, this.#head);
  }

  set head(index: number) {
    Atomics.store(this.#words, this.#head, index >>> 0);
  }

  /** Index after the newest CQE; the kernel's to write. */
  get tail(): number {
    return Atomics.load(this.#words, this.#tail);
  }

  set tail(index: number) {
    Atomics.store(this.#words, this.#tail, index >>> 0);
  }

  /** The application's flag word: IORING_CQ. */
  get flags(): number {
    return Atomics.load(this.#words, this.#flags);
  }

  /** CQEs the kernel lost for want of memory. */
  get overflow(): number {
    return Atomics.load(this.#words, this.#overflow);
  }

  set overflow(count: number) {
    Atomics.store(this.#words, this.#overflow, count >>> 0);
  }

  /** CQE slots between head and tail. */
  get ready(): number {
    return (this.tail - this.head) >>> 0;
  }

  /** Byte offset of the CQE at `index` (masked) in the buffer. */
  at(index: number): number {
    return this.#cqes + (index & this.mask) * this.cqeSize;
  }

  /** `user_data` of the CQE at `index`. */
  userData(index: number): bigint {
    return this.#view.getBigUint64(this.at(index), true);
  }

  /** `res` of the CQE at `index`. */
  res(index: number): number {
    return this.#view.getInt32(this.at(index) + 8, true);
  }

  /** `flags` of the CQE at `index`. */
  cqeFlags(index: number): number {
    return this.#view.getUint32(this.at(index) + 12, true);
  }

  /** Slots the CQE at `index` takes: 2 for a large one of a mixed ring, else 1. */
  slots(index: number): 1 | 2 {
    return this.mixed && this.cqeFlags(index) & IORING_CQE_F.IORING_CQE_F_32 ? 2 : 1;
  }

  /** Calls `visit(index)` for each CQE there now, gap fillers left out, then consumes them all. Returns how many it visited. */
  consume(visit: (index: number) => void): number {
    const tail = this.tail;
    let visited = 0;
    let index = this.head;
    while (index !== tail) {
      if (!(this.mixed && this.cqeFlags(index) & IORING_CQE_F.IORING_CQE_F_SKIP)) {
        visit(index);
        visited++;
      }
      index = (index + this.slots(index)) >>> 0;
    }
    this.head = tail;
    return visited;
  }

  /** Copies out and consumes every CQE there now. */
  take(): Cqe[] {
    const cqes: Cqe[] = [];
    this.consume((index) => {
      const cqe = { user_data: this.userData(index), res: this.res(index), flags: this.cqeFlags(index) };
      const big = this.cqeSize === 32 || this.slots(index) === 2;
      cqes.push(big ? { ...cqe, big_cqe: [this.#big(index, 16), this.#big(index, 24)] } : cqe);
    });
    return cqes;
  }

  #big(index: number, offset: number): bigint {
    return this.#view.getBigUint64(this.at(index) + offset, true);
  }
}
