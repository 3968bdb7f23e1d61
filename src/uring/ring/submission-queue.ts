// The application's side of a submission queue, in place: nothing is copied, every access goes to the shared memory.
// Knows the three kinds: with an SQ array, without (NO_SQARRAY), and SQ_REWIND, where every batch starts at slot 0.

import { IORING_SETUP, type RingParams } from "../abi/index.ts";

/** One SQE in place: `at` is its byte offset in `view`. */
export interface SqeSlot {
  readonly view: DataView;
  readonly at: number;
  readonly size: 64 | 128;
}

/** Where the two areas of a ring lie in a buffer, as byte offsets; multiples of 4. */
export interface RingPlace {
  readonly rings: number;
  readonly sqes: number;
}

/** A submission queue in `buffer`. */
export class SubmissionQueue {
  readonly entries: number;
  readonly mask: number;
  readonly sqeSize: 64 | 128;
  readonly rewind: boolean;
  readonly #words: Uint32Array;
  readonly #view: DataView;
  readonly #slots: SqeSlot[] = [];
  readonly #sqes: number;
  readonly #head: number;
  readonly #tail: number;
  readonly #flags: number;
  readonly #dropped: number;
  /** Word index of the SQ array, or -1. */
  readonly #array: number;
  #next: number;

  constructor(buffer: ArrayBufferLike, place: RingPlace, params: RingParams) {
    const { sq_off, flags } = params;
    this.entries = params.sq_entries;
    this.mask = params.sq_entries - 1;
    this.sqeSize = flags & IORING_SETUP.IORING_SETUP_SQE128 ? 128 : 64;
    this.rewind = (flags & IORING_SETUP.IORING_SETUP_SQ_REWIND) !== 0;
    this.#words = new Uint32Array(buffer);
    this.#view = new DataView(buffer);
    this.#sqes = place.sqes;
    this.#head = (place.rings + sq_off.head) >>> 2;
    this.#tail = (place.rings + sq_off.tail) >>> 2;
    this.#flags = (place.rings + sq_off.flags) >>> 2;
    this.#dropped = (place.rings + sq_off.dropped) >>> 2;
    this.#array = flags & IORING_SETUP.IORING_SETUP_NO_SQARRAY ? -1 : (place.rings + sq_off.array) >>> 2;
    this.#next = this.rewind ? 0 : this.tail;
  }

  /** Index of the next SQE the kernel takes; stays 0 with SQ_REWIND. */
  get head(): number {
    return Atomics.load(this.#words, this.#head);
  }

  set head(index: number) {
    Atomics.store(this.#words, this.#head, index >>> 0);
  }

  /** Index after the last queued SQE; stays 0 with SQ_REWIND. */
  get tail(): number {
    return Atomics.load(this.#words, this.#tail);
  }

  set tail(index: number) {
    Atomics.store(this.#words, this.#tail, index >>> 0);
  }

  /** The kernel's flag word: IORING_SQ. */
  get flags(): number {
    return Atomics.load(this.#words, this.#flags);
  }

  set flags(bits: number) {
    Atomics.store(this.#words, this.#flags, bits >>> 0);
  }

  /** SQ array entries the kernel could not use. */
  get dropped(): number {
    return Atomics.load(this.#words, this.#dropped);
  }

  set dropped(count: number) {
    Atomics.store(this.#words, this.#dropped, count >>> 0);
  }

  /** SQ array entry of `index` (masked); its own slot on rings without an array. */
  slotOf(index: number): number {
    return this.#array < 0 ? (index & this.mask) >>> 0 : this.#words[this.#array + (index & this.mask)];
  }

  /** The SQE in slot `index` (masked). The same object every time. */
  sqe(index: number): SqeSlot {
    const slot = index & this.mask;
    return (this.#slots[slot] ??= { view: this.#view, at: this.#sqes + slot * this.sqeSize, size: this.sqeSize });
  }

  /** Slots that can be taken now. */
  get space(): number {
    return this.rewind ? this.entries - this.#next : this.entries - ((this.#next - this.head) >>> 0);
  }

  /** The next free slot, taken but not yet visible to the kernel; undefined when the queue is full. */
  take(): SqeSlot | undefined {
    if (this.space <= 0) return undefined;
    const index = this.#next;
    this.#next = (index + 1) >>> 0;
    if (this.#array >= 0) this.#words[this.#array + (index & this.mask)] = (index & this.mask) >>> 0;
    return this.sqe(index);
  }

  /** Publishes the slots taken. Returns how many are to be submitted (with SQ_REWIND: this batch). */
  commit(): number {
    if (this.rewind) {
      const count = this.#next;
      this.#next = 0;
      return count;
    }
    this.tail = this.#next;
    return (this.#next - this.head) >>> 0;
  }
}
