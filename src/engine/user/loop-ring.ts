// The real ring as the run loop and a program's kfuncs see it: submissions counted, waits cut into slices so that the
// thread never sleeps unreachably, and a note of whether completions may be due that would wake a loop in the kernel at once.

import { IORING_ENTER, IOSQE, OPTABLE } from "../../uring/abi/index.ts";
import type { KernelRing } from "../../sys/index.ts";
import type { DrivenRing } from "./drive.ts";
import { ENTER_AT, ENTERS, KIND_TABLE, KINDS, makeSubmit, SUBMITTED } from "./submit-code.ts";

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

/** EARLY and MANY by opcode. */
const KIND_BY_OPCODE = new Uint8Array(256);
for (const { name, number, completes, wake } of OPTABLE) {
  KIND_BY_OPCODE[number] =
    (completes !== "inline" && wake === "now" ? EARLY : 0) | (MAY_COMPLETE_OFTEN.has(name) ? MANY : 0);
}

/** What of the ring lies where in the VM's memory. */
export interface RingView {
  readonly sqes: number;
  readonly sqeSize: number;
  readonly sqMask: number;
  readonly rewind: boolean;
  /** Address of the SQ array, 0 when there is none. */
  readonly array: number;
  /** Address of OWN_BYTES, zeroed, for what is counted. */
  readonly own: number;
}

/**
 * See the head of the file. Ring words are read plainly: this thread alone makes the system calls that change them (a loop
 * needs DEFER_TASKRUN), and a call is always between one look and the next.
 */
export class LoopRing implements DrivenRing {
  readonly #ring: KernelRing;
  readonly #words: Int32Array;
  readonly #view: RingView;
  readonly #tail: number;
  readonly #flags: number;
  readonly #kinds: number;
  readonly #submitted: number;
  /** CQ tail when nothing was in flight; completions since are counted from it. */
  readonly #firstTail: number;
  #submittedBefore = 0;
  #waits = 0;

  constructor(ring: KernelRing, buffer: ArrayBufferLike, view: RingView) {
    const { sq_off, cq_off } = ring.params;
    this.#ring = ring;
    this.#view = view;
    this.#words = new Int32Array(buffer);
    this.#tail = (ring.place.rings + cq_off.tail) >>> 2;
    this.#flags = (ring.place.rings + sq_off.flags) >>> 2;
    this.#kinds = (view.own + KINDS) >>> 2;
    this.#submitted = (view.own + SUBMITTED) >>> 2;
    this.#firstTail = this.cqTail();
    new Uint8Array(buffer).set(KIND_BY_OPCODE, view.own + KIND_TABLE);
  }

  cqTail(): number {
    return this.#words[this.#tail];
  }

  sqFlags(): number {
    return this.#words[this.#flags];
  }

  /** Addresses of the CQ tail and of the SQ flags. */
  get words(): { readonly cqTail: number; readonly sqFlags: number } {
    return { cqTail: this.#tail << 2, sqFlags: this.#flags << 2 };
  }

  /** Starts counting anew for one run. */
  begin(): void {
    this.#submittedBefore = this.#submittedEver;
    this.#words[(this.#view.own + ENTERS) >>> 2] = 0;
    this.#waits = 0;
  }

  get #submittedEver(): number {
    const [low, high] = [this.#words[this.#submitted], this.#words[this.#submitted + 1]];
    return (low >>> 0) + high * 2 ** 32;
  }

  get submittedThisRun(): number {
    return this.#submittedEver - this.#submittedBefore;
  }

  get enters(): number {
    return (this.#words[(this.#view.own + ENTERS) >>> 2] >>> 0) + this.#waits;
  }

  /** bpf_io_uring_submit_sqes of this ring: SQEs consumed, or a negative errno; no system call for none. */
  submitFor(memory: WebAssembly.Memory, iouCtx: number): (ctx: number, nr: number) => number {
    const { sqes, sqeSize, sqMask, rewind, array, own } = this.#view;
    const head = rewind ? 0 : this.#ring.place.rings + this.#ring.params.sq_off.head;
    const place = { own, sqes, sqeSize, sqMask, head, array, flags: NOT_LAZY, flagKind: EARLY, iouCtx };
    const direct = this.#ring.direct(own + ENTER_AT);
    return makeSubmit(memory, place, direct ?? ((count) => this.#ring.enter(count, 0, 0)));
  }

  getEvents(minComplete: number): number {
    this.#waits++;
    return minComplete === 0
      ? this.#ring.getEvents()
      : this.#ring.enter(0, minComplete, IORING_ENTER.IORING_ENTER_GETEVENTS, WAIT_SLICE_NS);
  }

  /** False when every request has completed, as far as counting tells. */
  get inFlight(): boolean {
    return ((this.cqTail() - this.#firstTail) | 0) !== this.#words[this.#submitted];
  }

  wakesEarly(): boolean {
    // once nothing is in flight any more, nothing can come early
    if (this.#words[this.#kinds] === EARLY && !this.inFlight) this.#words[this.#kinds] = 0;
    return (this.#words[this.#kinds] & EARLY) !== 0;
  }
}
