// The real ring as the run loop and a program's kfuncs see it: submissions counted, waits cut into slices so that the
// thread never sleeps unreachably, and a note of whether completions may be due that would wake a loop in the kernel at once.

import { IORING_ENTER, IOSQE, OPTABLE } from "../../uring/abi/index.ts";
import type { KernelRing } from "../../sys/index.ts";
import type { DrivenRing } from "./drive.ts";

/** Longest sleep in one system call; an abort is noticed within it. */
const WAIT_SLICE_NS = 50_000_000;

const { IOSQE_ASYNC, IOSQE_IO_DRAIN, IOSQE_IO_HARDLINK, IOSQE_IO_LINK } = IOSQE;
const NOT_LAZY = IOSQE_ASYNC | IOSQE_IO_DRAIN | IOSQE_IO_LINK | IOSQE_IO_HARDLINK;

/** By opcode: 1 when its completion wakes at once, unless it came inline. */
const WAKES_AT_ONCE = new Uint8Array(256);
for (const { number, completes, wake } of OPTABLE)
  WAKES_AT_ONCE[number] = completes !== "inline" && wake === "now" ? 1 : 0;

/** Byte offsets of the SQEs and word indices of the shared ring fields, in the VM's memory. */
export interface RingView {
  readonly sqes: number;
  readonly sqeSize: number;
  readonly sqMask: number;
  readonly rewind: boolean;
  /** Byte offset of the SQ array, 0 when there is none. */
  readonly array: number;
}

/** See the head of the file. */
export class LoopRing implements DrivenRing {
  submitted = 0;
  enters = 0;
  readonly #ring: KernelRing;
  readonly #bytes: Uint8Array;
  readonly #words: Int32Array;
  readonly #view: RingView;
  readonly #tail: number;
  readonly #flags: number;
  readonly #sqHead: number;
  /** CQ tail when nothing was in flight; completions since are counted from it. */
  readonly #firstTail: number;
  #before = 0;
  #early = false;

  constructor(ring: KernelRing, buffer: ArrayBufferLike, view: RingView) {
    const { sq_off, cq_off } = ring.params;
    this.#ring = ring;
    this.#view = view;
    this.#bytes = new Uint8Array(buffer);
    this.#words = new Int32Array(buffer);
    this.#tail = (ring.place.rings + cq_off.tail) >>> 2;
    this.#flags = (ring.place.rings + sq_off.flags) >>> 2;
    this.#sqHead = (ring.place.rings + sq_off.head) >>> 2;
    this.#firstTail = this.cqTail();
  }

  cqTail(): number {
    return Atomics.load(this.#words, this.#tail);
  }

  sqFlags(): number {
    return Atomics.load(this.#words, this.#flags);
  }

  /** Starts counting anew for one run. */
  begin(): void {
    this.#before = this.submitted;
    this.enters = 0;
  }

  get submittedThisRun(): number {
    return this.submitted - this.#before;
  }

  /** bpf_io_uring_submit_sqes: SQEs consumed, or a negative errno; no system call for none. */
  submit(count: number): number {
    if (count === 0) return 0;
    this.#note(count >>> 0);
    this.enters++;
    const result = this.#ring.enter(count, 0, 0);
    if (result > 0) this.submitted += result;
    return result;
  }

  getEvents(minComplete: number): number {
    this.enters++;
    return minComplete === 0
      ? this.#ring.getEvents()
      : this.#ring.enter(0, minComplete, IORING_ENTER.IORING_ENTER_GETEVENTS, WAIT_SLICE_NS);
  }

  wakesEarly(): boolean {
    // once nothing is in flight any more, nothing can come early
    if (this.#early && ((this.cqTail() - this.#firstTail) | 0) >= (this.submitted | 0)) this.#early = false;
    return this.#early;
  }

  /** Looks at the opcodes and flags about to be submitted. */
  #note(count: number): void {
    if (this.#early) return;
    const { sqes, sqeSize, sqMask, rewind, array } = this.#view;
    const first = rewind ? 0 : Atomics.load(this.#words, this.#sqHead);
    const n = Math.min(count, sqMask + 1);
    for (let i = 0; i < n; i++) {
      const slot = (first + i) & sqMask;
      const at = sqes + (array === 0 ? slot : this.#words[(array >>> 2) + slot]! & sqMask) * sqeSize;
      if (WAKES_AT_ONCE[this.#bytes[at]!] !== 0 || (this.#bytes[at + 1]! & NOT_LAZY) !== 0) {
        this.#early = true;
        return;
      }
    }
  }
}
