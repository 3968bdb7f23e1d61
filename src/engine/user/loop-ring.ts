// The real ring as the run loop and a program's kfuncs see it: submissions counted, waits cut into slices so that the
// thread never sleeps unreachably, and a note of whether completions may be due that would wake a loop in the kernel at once.

import { IORING_ENTER, IOSQE, OPTABLE } from "../../uring/abi/index.ts";
import type { KernelRing } from "../../sys/index.ts";
import type { DrivenRing } from "./drive.ts";

/** Longest sleep in one system call; an abort is noticed within it. */
const WAIT_SLICE_NS = 50_000_000;

const { IOSQE_ASYNC, IOSQE_IO_DRAIN, IOSQE_IO_HARDLINK, IOSQE_IO_LINK } = IOSQE;
const NOT_LAZY = IOSQE_ASYNC | IOSQE_IO_DRAIN | IOSQE_IO_LINK | IOSQE_IO_HARDLINK;

/** Its completion wakes at once, unless it came inline. */
const EARLY = 1;
/** It may complete more than once, so that counting completions no longer tells what is in flight. */
const MANY = 2;

const MAY_COMPLETE_OFTEN: ReadonlySet<string> = new Set([
  "IORING_OP_POLL_ADD",
  "IORING_OP_TIMEOUT",
  "IORING_OP_ACCEPT",
  "IORING_OP_RECV",
  "IORING_OP_RECVMSG",
  "IORING_OP_SEND_ZC",
  "IORING_OP_SENDMSG_ZC",
  "IORING_OP_READ_MULTISHOT",
  "IORING_OP_RECV_ZC",
  "IORING_OP_URING_CMD",
  "IORING_OP_URING_CMD128",
]);

/** EARLY and MANY by opcode; looked up for every request. */
const KINDS = new Uint8Array(256);
for (const { name, number, completes, wake } of OPTABLE)
  KINDS[number] = (completes !== "inline" && wake === "now" ? EARLY : 0) | (MAY_COMPLETE_OFTEN.has(name) ? MANY : 0);

/** Opcode and flags in the first word of an SQE, opcode | flags << 8 | ioprio << 16. */
const KIND_BITS = 0xffff;

const kindOf = (word: number): number => KINDS[word & 0xff]! | ((word >>> 8) & NOT_LAZY ? EARLY : 0);

/** Byte offsets of the SQEs and word indices of the shared ring fields, in the VM's memory. */
export interface RingView {
  readonly sqes: number;
  readonly sqeSize: number;
  readonly sqMask: number;
  readonly rewind: boolean;
  /** Byte offset of the SQ array, 0 when there is none. */
  readonly array: number;
}

/**
 * See the head of the file. Ring words are read plainly: this thread alone makes the system calls that change them (a loop
 * needs DEFER_TASKRUN), and a call is always between one look and the next.
 */
export class LoopRing implements DrivenRing {
  submitted = 0;
  enters = 0;
  readonly #ring: KernelRing;
  readonly #words: Int32Array;
  readonly #view: RingView;
  readonly #tail: number;
  readonly #flags: number;
  readonly #sqHead: number;
  /** CQ tail when nothing was in flight; completions since are counted from it. */
  readonly #firstTail: number;
  #before = 0;
  /** EARLY and MANY of what has been submitted. */
  #kinds = 0;

  constructor(ring: KernelRing, buffer: ArrayBufferLike, view: RingView) {
    const { sq_off, cq_off } = ring.params;
    this.#ring = ring;
    this.#view = view;
    this.#words = new Int32Array(buffer);
    this.#tail = (ring.place.rings + cq_off.tail) >>> 2;
    this.#flags = (ring.place.rings + sq_off.flags) >>> 2;
    this.#sqHead = (ring.place.rings + sq_off.head) >>> 2;
    this.#firstTail = this.cqTail();
  }

  cqTail(): number {
    return this.#words[this.#tail]!;
  }

  sqFlags(): number {
    return this.#words[this.#flags]!;
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
    this.#look(count >>> 0);
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

  /** False when every request has completed, as far as counting tells. */
  get inFlight(): boolean {
    return ((this.cqTail() - this.#firstTail) | 0) !== (this.submitted | 0);
  }

  wakesEarly(): boolean {
    // once nothing is in flight any more, nothing can come early
    if (this.#kinds === EARLY && ((this.cqTail() - this.#firstTail) | 0) >= (this.submitted | 0)) this.#kinds = 0;
    return (this.#kinds & EARLY) !== 0;
  }

  /** Looks at the opcodes and flags about to be submitted. */
  #look(count: number): void {
    const { sqes, sqeSize, sqMask, rewind, array } = this.#view;
    const words = this.#words;
    const n = Math.min(count, sqMask + 1);
    const first = rewind ? 0 : words[this.#sqHead]!;
    if (rewind && array === 0) {
      // most submissions are of one kind: then one look says it all
      const step = sqeSize >>> 2;
      const end = (sqes >>> 2) + n * step;
      let any = 0;
      let all = -1;
      for (let at = sqes >>> 2; at < end; at += step) {
        any |= words[at]!;
        all &= words[at]!;
      }
      if (((any ^ all) & KIND_BITS) === 0) {
        this.#kinds |= kindOf(any);
        return;
      }
    }
    for (let i = 0; i < n; i++) {
      const index = (first + i) & sqMask;
      const slot = array === 0 ? index : words[(array >>> 2) + index]! & sqMask;
      this.#kinds |= kindOf(words[(sqes + slot * sqeSize) >>> 2]!);
    }
  }
}
